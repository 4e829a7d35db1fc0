package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of processor times in /proc, the same on every Linux
// that Go runs on (proc(5), USER_HZ).
const clockTick = 10 * time.Millisecond

// processCPU is the processor time that a process has used, from
// /proc/PID/stat (proc(5)).
func processCPU(pid int) (time.Duration, error) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("bench: processor time: %w", err)
	}
	// The name in brackets may hold blanks; what follows does not.
	_, rest, ok := strings.Cut(string(raw), ") ")
	f := strings.Fields(rest)
	if !ok || len(f) < 13 {
		return 0, fmt.Errorf("bench: processor time of %d: %.80q", pid, raw)
	}
	user, uerr := strconv.ParseInt(f[11], 10, 64)
	system, serr := strconv.ParseInt(f[12], 10, 64)
	if uerr != nil || serr != nil {
		return 0, fmt.Errorf("bench: processor time of %d: %.80q", pid, raw)
	}
	return time.Duration(user+system) * clockTick, nil
}

// loopbackBytes is how many bytes loopback has carried; 0 where the system does
// not tell.
func loopbackBytes() int64 {
	raw, err := os.ReadFile("/sys/class/net/lo/statistics/rx_bytes")
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
