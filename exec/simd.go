package exec

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/cpu"

	"infernet.tech/infernet/exec/psabi"
)

// simdLevel is a level of the x86-64 psABI, or what stands for one elsewhere.
// The default engine chooses its program by the same levels, so that machines
// of one class run the same instructions.
func simdLevel() string {
	switch runtime.GOARCH {
	case "amd64":
		return fmt.Sprintf("x86-64-v%d", psabi.Level())
	case "arm64":
		if cpu.ARM64.HasSVE {
			return "armv8-sve"
		}
		return "armv8"
	}
	return ""
}
