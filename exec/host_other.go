//go:build !linux

package exec

// Tasks run on Linux only; elsewhere these describe a machine that asks for
// work and never does any.

func cpuModel() string      { return "" }
func memoryBytes() uint64   { return 0 }
func cgroupVersion() string { return "" }
