package blob

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// A crowd that takes all places and trickles does not keep out who is fast.
func TestTricklesTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from, to := newStore(t), newStore(t)
		file := mustAdd(t, from, noise(9, 48<<20))
		var sources []Source
		for i := range 2 * mostStreams {
			sources = append(sources, slow(serving(t, from), fmt.Sprint("trickles ", i), 20))
		}
		begun := time.Now()
		if _, err := to.Fetch(t.Context(), file.CID, Limits{}, append(sources, serving(t, from))...); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > time.Minute {
			t.Errorf("took %v", took)
		}
		clean(t, to)
	})
}
