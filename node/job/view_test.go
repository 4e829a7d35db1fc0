package job

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// spy writes down what the provider of each attempt is sent, and how long after
// what it had sent itself, until its verdict.
type spy struct {
	w     *world
	views map[slot][]string
}

func watch(w *world) *spy {
	s := &spy{w: w, views: map[slot][]string{}}
	w.seen = s.see
	return s
}

func (s *spy) see(e Effect) {
	switch e := e.(type) {
	case Dispatch:
		// All but the input itself, the numbers and who is asked at which price.
		in := e.Input
		in.CID = ""
		s.add(e.Shard, e.Attempt, fmt.Sprintf("offer %+v for %s until %s", in, e.Timeout, e.Deadline.Sub(s.w.j.Updated)))
	case RequestReveal:
		var last time.Time
		for _, a := range s.w.j.Shards[e.Shard].Attempts {
			if slices.Contains(e.Commits, a.Commit.Event) && a.Commit.At.After(last) {
				last = a.Commit.At
			}
		}
		s.add(e.Shard, e.Attempt, fmt.Sprintf("open one of %d commits, %s after the last", len(e.Commits), s.w.j.Updated.Sub(last)))
	case Fetch:
		s.add(e.Shard, e.Attempt, fmt.Sprintf("fetch %d bytes, %s after its reveal", e.Size, s.w.j.Updated.Sub(s.w.revealed)))
	case Abort:
		s.add(e.Shard, e.Attempt, "stop: "+e.Reason.Code)
	}
}

func (s *spy) add(shard, attempt uint32, what string) {
	k := slot{shard, attempt}
	s.views[k] = append(s.views[k], what)
}

// role is what an attempt was for, as only the aggregator knows.
func role(j Job, sh *Shard, a *Attempt) string {
	switch {
	case sh.Input.Known != nil:
		return "canary"
	case sh.Reopened && a.N > 0:
		return "done again"
	case a.N >= max(j.Spec.Verify.Replicas, 1):
		return "a check of another"
	case a.Audited && j.Spec.Verify.Mode != VerifyQuorum:
		return "audited"
	case sh.Spot == SpotWanted:
		return "looked at by an own validator"
	}
	return "not audited"
}

// Until its verdict is there, nothing that a provider is sent, and no delay, says
// whether its result is checked: all views of a job are one.
func TestNothingTellsAnAuditedAttemptApart(t *testing.T) {
	t.Parallel()
	for mode, wants := range map[string][]string{
		VerifyAdaptive: {"audited", "not audited", "a check of another", "done again"},
		VerifySample:   {"audited", "not audited", "a check of another", "done again"},
		VerifyReplay:   {"audited", "not audited", "done again"},
		VerifyCanary:   {"canary", "not audited"},
		VerifyQuorum:   {"looked at by an own validator", "not audited"},
	} {
		w := emptyWorld(t, 12)
		s := watch(w)
		own := w.keys[0]
		w.quote = func(i int, c *Candidate) {
			c.Track.Valid, c.Slots = 15, 64
			if i == 0 && mode == VerifyQuorum {
				c.Trusted, c.Validator, c.Slots = true, true, 512
			}
		}
		w.lie = func(i int, sh *Shard) string {
			if i == 3 && sh.Index%4 == 1 {
				return fmt.Sprint(sh.Index)
			}
			return ""
		}
		spec := modeSpec(mode, 1_000_000)
		spec.Timeouts.Job = 100 * time.Hour
		spec.Verify.Rate = max(spec.Verify.Rate, 100_000)
		if mode == VerifyQuorum {
			spec.Verify.Rate = 0
		}
		w.take(withKnown(submitEvent(spec, 300), spec.Verify.Canaries(300), false))
		w.run()
		s.allAlike(t, mode, wants, own)
	}
}

// allAlike holds that whoever was not stopped has seen the same, and that each of
// the roles was played.
func (s *spy) allAlike(t *testing.T, mode string, wants []string, own identity.PubKey) {
	t.Helper()
	seen, views := map[string]int{}, map[string]string{}
	for _, sh := range s.w.j.Shards {
		for k := range sh.Attempts {
			a := &sh.Attempts[k]
			if a.State == AttemptCancelled || a.Provider == own && mode == VerifyQuorum || mode == VerifyQuorum && sh.Disputed {
				continue
			}
			r := role(s.w.j, sh, a)
			if mode == VerifyQuorum && r == "a check of another" {
				continue // of a dispute; see the doc on quorums
			}
			seen[r]++
			views[fmt.Sprint(s.views[slot{sh.Index, a.N}])] = r
		}
	}
	t.Logf("%s: %v", mode, seen)
	if len(views) != 1 {
		t.Errorf("%s: %d views: %v", mode, len(views), views)
	}
	for _, r := range wants {
		if seen[r] == 0 {
			t.Errorf("%s: nobody was %s", mode, r)
		}
	}
}

// A third that compute nothing, and so commit at once and to many, make nobody
// late: no copy is given of what runs as long as honest work does.
func TestQuickLiarsMakeNobodyLate(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t, 12)
	w.quote = func(_ int, c *Candidate) { c.Slots, c.New = 3, true }
	w.lie = func(i int, sh *Shard) string {
		if i%3 == 0 {
			return fmt.Sprint(i, "/", sh.Index)
		}
		return ""
	}
	w.takes = func(i int) time.Duration {
		if i%3 == 0 {
			return 100 * time.Millisecond
		}
		return 20 * time.Second
	}
	w.take(submitEvent(modeSpec(VerifyAdaptive, 1_000_000), 120))
	w.run()
	copies := 0
	for _, sh := range w.j.Shards {
		for k := range sh.Attempts {
			copies += asOne(sh.Attempts[k].Copy)
		}
	}
	if w.j.State != StateDone || w.wrong() > 0 || copies > 0 {
		t.Errorf("%s, %d wrong, %d copies were given", w.j.State, w.wrong(), copies)
	}
}

func asOne(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Of a job that is cancelled, what was delivered is paid for, drawn for an audit
// or not, and whoever was to check it is stopped.
func TestWhatWasDeliveredIsPaidWhenTheJobIsCancelled(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{VerifyAdaptive, VerifyReplay} {
		w := emptyWorld(t, 8)
		w.quote = func(_ int, c *Candidate) { c.New = true } // all are audited
		w.mute = true
		spec := modeSpec(mode, 100_000)
		w.take(submitEvent(spec, 12))
		fetched := func() (n int) {
			for _, sh := range w.j.Shards {
				for k := range sh.Attempts {
					n += asOne(sh.Attempts[k].State == AttemptFetched)
				}
			}
			return n
		}
		for len(w.queue) > 0 && fetched() < 5 {
			w.next()
		}
		shown := fetched()
		w.take(CancelRequested{Reason: "enough", Now: w.now})
		w.run()
		if shown < 5 || w.j.State != StateCancelled || w.j.Spent.Value != uint64(10*shown) || w.j.Reserved.Value != 0 {
			t.Errorf("%s: %d were delivered; %s, spent %s, reserved %s", mode, shown, w.j.State, w.j.Spent, w.j.Reserved)
		}
		checkIndex(t, w.j)
	}
}
