package nodetest

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// poll is how often a wait looks.
const poll = 10 * time.Millisecond

// Patience is how long something may take that must happen. It says nothing of
// how fast that is: on a busy machine everything takes as long as it takes.
const Patience = 8 * time.Minute

// busy is how many times longer a busy machine may take than one that has nothing
// else to do.
const busy = 10

// Predicate waits until ok holds and fails the test when it never does. Where
// nothing else runs that takes at most d; a busy machine is given more.
func Predicate(t testing.TB, d time.Duration, what string, ok func() bool) {
	t.Helper()
	if !wait(busy*d, ok) {
		t.Fatalf("after %v still not: %s", busy*d, what)
	}
}

// NoError waits until fn returns nil and fails the test with its last error when
// it never does. Where nothing else runs that takes at most d; a busy machine is
// given more.
func NoError(t testing.TB, d time.Duration, fn func() error) {
	t.Helper()
	var last error
	if !wait(busy*d, func() bool { last = fn(); return last == nil }) {
		t.Fatalf("after %v still: %v", busy*d, last)
	}
}

// Invariant holds for d: it fails the test as soon as ok does not.
func Invariant(t testing.TB, d time.Duration, what string, ok func() bool) {
	t.Helper()
	if wait(d, func() bool { return !ok() }) {
		t.Fatalf("no longer: %s", what)
	}
}

// wait reports whether ok became true within d.
func wait(d time.Duration, ok func() bool) bool {
	end := time.NewTimer(d)
	defer end.Stop()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end.C:
			return ok()
		}
	}
	return true
}

// Loopback is an address of this machine alone, and where the system has enough of
// them of its caller alone: a port of it stays free while its owner is away,
// whatever else is given ports meanwhile.
func Loopback() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	return fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
}
