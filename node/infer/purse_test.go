package infer

import (
	"testing"
	"time"
)

// TestPurse follows the last hour's spending over a clock that jumps.
func TestPurse(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_800_000_000, 0)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	p := &purse{}
	want := func(name string, when time.Time, sum uint64) {
		t.Helper()
		if got := p.spent(when); got != sum {
			t.Errorf("%s: %d spent, want %d", name, got, sum)
		}
	}
	p.add(10, at(0))
	p.add(5, at(-20*time.Minute))
	want("what is read later and older", at(0), 15)
	want("the older is over", at(41*time.Minute), 10)
	p.add(1, at(41*time.Minute))
	want("set back by minutes", at(30*time.Minute), 11)
	want("set back by a day", at(-24*time.Hour), 11)
	want("for an hour from then", at(-23*time.Hour-time.Minute), 11)
	want("and no longer", at(-23*time.Hour+time.Minute), 0)
	want("a jump ahead", at(100*time.Hour), 0)
	if !p.hold(60, 100, at(100*time.Hour)) || p.hold(60, 100, at(100*time.Hour)) || !p.hold(60, 0, at(100*time.Hour)) {
		t.Error("what is held counts, unless there is no limit")
	}
	p.give(60)
	p.give(60)
	want("all given back", at(100*time.Hour), 0)
}
