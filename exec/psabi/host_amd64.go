package psabi

// Level is this machine's level, 1 to 4, or 0 where it is not x86-64.
func Level() int {
	const extended = 0x80000000
	var r regs
	most, _, _, _ := cpuid(0, 0)
	_, _, r.c1, _ = cpuid(1, 0)
	if most >= 7 {
		_, r.b7, _, _ = cpuid(7, 0)
	}
	if most, _, _, _ := cpuid(extended, 0); most > extended {
		_, _, r.cx1, _ = cpuid(extended+1, 0)
	}
	// XGETBV without OSXSAVE is an illegal instruction.
	if r.c1&osxsave != 0 {
		r.xcr0, _ = xgetbv()
	}
	return r.level()
}

// cpuid is the instruction of that name: a leaf and its subleaf.
func cpuid(leaf, sub uint32) (a, b, c, d uint32)

// xgetbv reads XCR0.
func xgetbv() (low, high uint32)
