package sha

import "golang.org/x/sys/cpu"

// compress16 takes n blocks of 64 bytes of each of sixteen messages. It cannot
// be preempted: n is to be small.
//
//go:noescape
func compress16(state *[8][16]uint32, in *[16]*byte, k *[64]uint32, n int)

// canWide says that the processor and the system know what compress16 uses.
func canWide() bool { return cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW }
