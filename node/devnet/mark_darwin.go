package devnet

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// zombie is the state of a process that has ended and was not waited for
// (SZOMB in sys/proc.h).
const zombie = 5

// startMark is the time at which a process was started.
func startMark(pid int) (string, error) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || info.Proc.P_stat == zombie {
		return "", errEnded
	}
	t := info.Proc.P_starttime
	return fmt.Sprintf("%d.%06d", t.Sec, t.Usec), nil
}
