package blob

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// Callers that come while a run is on share the next one, and none is told the
// result of a run that had begun before it came.
func TestGroup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g group
		var runs, written atomic.Int64
		gate := make(chan struct{})
		failed := errors.New("failed")
		fn := func() error {
			n := runs.Add(1)
			seen := written.Load()
			<-gate
			if n == 2 {
				return failed
			}
			if n > 2 && seen < 10 {
				t.Errorf("run %d began before what its callers wrote", n)
			}
			return nil
		}
		var wg sync.WaitGroup
		var failures atomic.Int64
		call := func() {
			wg.Go(func() {
				written.Add(1)
				if errors.Is(g.do(fn), failed) {
					failures.Add(1)
				}
			})
		}
		call()
		synctest.Wait()
		for range 9 {
			call()
		}
		synctest.Wait()
		gate <- struct{}{}
		synctest.Wait()
		call()
		synctest.Wait()
		close(gate)
		wg.Wait()
		if runs.Load() != 3 || failures.Load() != 9 {
			t.Errorf("%d runs for 11 callers, %d told of the failure of 9", runs.Load(), failures.Load())
		}
	})
}
