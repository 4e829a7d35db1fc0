package psabi

// regs are the answers of CPUID and XGETBV that the levels are made of.
type regs struct {
	c1   uint32 // leaf 1, ECX
	b7   uint32 // leaf 7, EBX
	cx1  uint32 // leaf 0x80000001, ECX
	xcr0 uint32 // low half of XCR0; 0 without OSXSAVE
}

const (
	osxsave = 1 << 27 // leaf 1, ECX

	// CMPXCHG16B, POPCNT, SSE3, SSSE3, SSE4.1, SSE4.2; LAHF in long mode.
	v2c1  = 1<<13 | 1<<23 | 1<<0 | 1<<9 | 1<<19 | 1<<20
	v2cx1 = 1 << 0
	// FMA, MOVBE, AVX, F16C; BMI1, AVX2, BMI2; LZCNT.
	v3c1  = 1<<12 | 1<<22 | osxsave | 1<<28 | 1<<29
	v3b7  = 1<<3 | 1<<5 | 1<<8
	v3cx1 = 1 << 5
	// AVX-512: F, DQ, CD, BW, VL.
	v4b7 = 1<<16 | 1<<17 | 1<<28 | 1<<30 | 1<<31

	// What the system saves of a thread: SSE and AVX; masks and ZMM.
	avxState    = 1<<1 | 1<<2
	avx512State = avxState | 1<<5 | 1<<6 | 1<<7
)

func all(have, want uint32) bool { return have&want == want }

// level is 1 to 4. A processor that has the instructions is of the level below
// where the system does not keep their registers.
func (r regs) level() int {
	switch {
	case !all(r.c1, v2c1) || !all(r.cx1, v2cx1):
		return 1
	case !all(r.c1, v3c1) || !all(r.b7, v3b7) || !all(r.cx1, v3cx1) || !all(r.xcr0, avxState):
		return 2
	case !all(r.b7, v4b7) || !all(r.xcr0, avx512State):
		return 3
	}
	return 4
}
