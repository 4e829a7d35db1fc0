package exec

import "runtime"

// Fingerprint describes where tasks run.
type Fingerprint struct {
	OS, Arch string // as Go names them
	CPUModel string // as the processor names itself
	// SIMD is the vector level programs can count on: "x86-64-v1" to
	// "x86-64-v4", "armv8" or "armv8-sve", else "".
	SIMD        string
	Cores       int
	MemoryBytes uint64 // of the machine
	Cgroup      string // "v1", "v2" or "" where there is none
	// Runtime names what runs the tasks, with its version.
	RuntimeVersion string
	// Isolation lists the tiers on offer, such as "runc"; empty where tasks
	// cannot be run.
	Isolation []string
}

// Class is the hardware class of CPU work: machines of one class are expected
// to agree on floating point bit by bit, given the same program.
func (f Fingerprint) Class() string {
	if f.SIMD == "" {
		return f.Arch
	}
	return f.Arch + "/" + f.SIMD
}

// Host describes this machine, without any runtime.
func Host() Fingerprint {
	return Fingerprint{
		OS:          runtime.GOOS,
		Arch:        runtime.GOARCH,
		CPUModel:    cpuModel(),
		SIMD:        simdLevel(),
		Cores:       runtime.NumCPU(),
		MemoryBytes: memoryBytes(),
		Cgroup:      cgroupVersion(),
	}
}
