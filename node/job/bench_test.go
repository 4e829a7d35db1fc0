package job

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"
)

// BenchmarkTick is one tick of a job of a thousand shards half way through.
func BenchmarkTick(b *testing.B) {
	w := newWorld(b, 50, VerifyQuorum, 1000)
	for len(w.j.Log) < MaxLog {
		w.next()
	}
	now := w.j.Updated
	j := w.j
	for b.Loop() {
		now = now.Add(time.Microsecond)
		var err error
		if j, _, err = Step(j, Tick{Now: now}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkJob is the whole life of a job of 10,000 shards, with providers that
// answer at once: every event of every shard goes through Step.
func BenchmarkJob(b *testing.B) {
	for _, mode := range []string{VerifyAdaptive, VerifyQuorum} {
		for _, providers := range []int{50, 1000} {
			b.Run(fmt.Sprintf("%s/%d", mode, providers), func(b *testing.B) {
				for b.Loop() {
					w := newWorld(b, providers, mode, 10_000)
					w.run()
				}
				b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "shards/s")
			})
		}
	}
}

// TestLargeJob: thousands of shards come to their end, by incremental counting
// alone, and the head of the job stays small.
func TestLargeJob(t *testing.T) {
	t.Parallel()
	shards := 2000
	if os.Getenv("INFERNET_LONG") != "" {
		shards = MaxShards
	}
	w := newWorld(t, 50, VerifyAdaptive, shards)
	w.run()
	sum := w.j.Summary()
	if w.j.State != StateDone || sum.OK != shards || sum.Spent.Value < uint64(shards) {
		t.Fatalf("%s, %d of %d, %s", w.j.State, sum.OK, shards, sum.Spent)
	}
	if w.rebuilt > 1 {
		t.Errorf("the index was made %d times", w.rebuilt)
	}
	checkIndex(t, w.j)
	head := w.j
	head.Shards = nil
	if raw, err := json.Marshal(head); err != nil || len(raw) > 200<<10 {
		t.Errorf("the head has %d bytes, %v", len(raw), err)
	}
}
