package sha

import "golang.org/x/sys/cpu"

// compress16 takes n chunks of each of sixteen messages. It cannot be
// preempted: n is to be small.
//
//go:noescape
func compress16(state *[8][16]uint32, in *[16]*byte, k *[64]uint32, n int)

// compress8 takes n chunks of each of the first eight messages.
//
//go:noescape
func compress8(state *[8][16]uint32, in *[16]*byte, k *[64]uint32, n int)

// compress2 takes n chunks of each of two messages. The state of each is the
// words f, e, b, a and then h, g, d, c, as the instructions want them.
//
//go:noescape
func compress2(state *[2][8]uint32, in *[2]*byte, k *[64]uint32, n int)

// hasSHA says that the processor has the instructions of compress2.
func hasSHA() bool

// units are those that this processor has, the narrower first.
func units() (out []unit) {
	if hasSHA() {
		out = append(out, unit{name: "SHA extensions", width: 2, compress: pair})
	}
	if cpu.X86.HasAVX2 {
		out = append(out, unit{name: "AVX2", width: 8, compress: eight})
	}
	// The second of the two has the shuffles of bytes.
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW {
		out = append(out, unit{name: "AVX-512", width: 16, compress: wide})
	}
	return out
}

func wide(state *[8][most]uint32, in *[most]*byte, n int) {
	compress16(state, in, &constants, n)
}

func eight(state *[8][most]uint32, in *[most]*byte, n int) {
	compress8(state, in, &constants, n)
}

func pair(state *[8][most]uint32, in *[most]*byte, n int) {
	order := [8]int{5, 4, 1, 0, 7, 6, 3, 2}
	var st [2][8]uint32
	for to, from := range order {
		st[0][to], st[1][to] = state[from][0], state[from][1]
	}
	compress2(&st, &[2]*byte{in[0], in[1]}, &constants, n)
	for to, from := range order {
		state[from][0], state[from][1] = st[0][to], st[1][to]
	}
}
