package bench

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"
)

// lookEvery is how often the resident memory is read: a transfer of a second is
// seen two hundred times, which costs nothing that could be measured.
const lookEvery = 5 * time.Millisecond

// watchResident reads this process's resident memory until stop is called,
// which tells by how many bytes it was larger at most than in the beginning; -1
// where the system does not tell.
func watchResident(ctx context.Context) (stop func() int64) {
	began := residentBytes()
	if began < 0 {
		return func() int64 { return -1 }
	}
	ctx, cancel := context.WithCancel(ctx)
	most := make(chan int64)
	go func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		peak := began
		for {
			select {
			case <-tick.C:
				peak = max(peak, residentBytes())
			case <-ctx.Done():
				most <- max(peak, residentBytes())
				return
			}
		}
	}()
	return func() int64 {
		cancel()
		return <-most - began
	}
}

// residentBytes is this process's resident memory, from /proc/self/statm
// (proc(5)), or -1.
func residentBytes() int64 {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return -1
	}
	f := strings.Fields(string(raw))
	if len(f) < 2 {
		return -1
	}
	pages, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return -1
	}
	return pages * int64(os.Getpagesize())
}
