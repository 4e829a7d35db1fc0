package exec

import (
	"runtime"

	"golang.org/x/sys/cpu"
)

// simdLevel follows the micro-architecture levels of the x86-64 psABI. The
// features x/sys/cpu does not name (LZCNT, MOVBE, F16C) came with the same
// processors as those it does.
func simdLevel() string {
	x := cpu.X86
	switch runtime.GOARCH {
	case "amd64":
		v2 := x.HasCX16 && x.HasPOPCNT && x.HasSSE3 && x.HasSSSE3 && x.HasSSE41 && x.HasSSE42
		v3 := v2 && x.HasAVX && x.HasAVX2 && x.HasBMI1 && x.HasBMI2 && x.HasFMA && x.HasOSXSAVE
		v4 := v3 && x.HasAVX512F && x.HasAVX512BW && x.HasAVX512CD && x.HasAVX512DQ && x.HasAVX512VL
		switch {
		case v4:
			return "x86-64-v4"
		case v3:
			return "x86-64-v3"
		case v2:
			return "x86-64-v2"
		}
		return "x86-64-v1"
	case "arm64":
		if cpu.ARM64.HasSVE {
			return "armv8-sve"
		}
		return "armv8"
	}
	return ""
}
