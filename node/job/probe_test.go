package job

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// A validator that says what its friend says is found by the first probe, even
// where it is the only one: anybody decides who is right.
func TestProbeFindsWhoNods(t *testing.T) {
	t.Parallel()
	found, asked := 0, 0
	for secret := range 40 {
		w := emptyWorld(t, 6)
		w.quote = func(i int, c *Candidate) { c.Validator = i == 4 }
		w.lie = func(i int, sh *Shard) string {
			had := slices.ContainsFunc(sh.Attempts, func(a Attempt) bool { return a.Provider == w.keys[0] })
			switch {
			case i == 0, i == 4 && had:
				return "ring" + fmt.Sprint(sh.Index)
			case i == 4:
				return "made up" + fmt.Sprint(sh.Index)
			}
			return ""
		}
		e := withKnown(submitEvent(testSpec(2, 2, 10_000), 12), 3, true)
		e.Secret, e.ProbePPM = ID{7, byte(secret)}, 1_000_000
		w.take(e)
		w.run()
		n := 0
		for _, sh := range w.j.Shards {
			for k := range sh.Attempts {
				if a := &sh.Attempts[k]; a.Provider == w.keys[4] {
					n++
					if sh.isProbe() && a.Paid {
						t.Errorf("secret %d: paid for an invented answer to a probe", secret)
					}
				}
			}
		}
		if n == 0 {
			continue
		}
		asked++
		if i := slices.IndexFunc(w.j.Providers, func(s Standing) bool { return s.Provider == w.keys[4] }); i >= 0 && w.j.Providers[i].Caught {
			found++
		}
	}
	t.Logf("asked in %d jobs, found in %d", asked, found)
	if asked < 10 || found < asked {
		t.Errorf("asked in %d jobs, found in %d", asked, found)
	}
}

// While the money for an attempt is being set aside its provider was not asked
// anything, and is late with nothing.
func TestFundingIsNoSilence(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.actor("a").behaviour = "silent"
	s.actor("b").behaviour = "silent"
	s.mustStep(submitEvent(testSpec(2, 2, 100), 1))
	s.mustStep(s.quotes())
	for range 12 {
		s.now = s.now.Add(5 * time.Second)
		for i := range s.j.Shards[0].Attempts {
			s.mustStep(Progressed{Shard: 0, Attempt: uint32(i), State: ProgressFunding, Now: s.now})
		}
		s.mustStep(Tick{Now: s.now})
	}
	for _, a := range s.j.Shards[0].Attempts[:2] {
		if a.State != AttemptOffered || !a.Heard.IsZero() {
			t.Fatalf("%s: %s", a.State, a.Reason.Code)
		}
	}
	s.now = s.now.Add(offerTimeout + time.Second)
	s.mustStep(Tick{Now: s.now})
	if a := s.j.Shards[0].Attempts[0]; a.State != AttemptLost {
		t.Fatal(a.State)
	}
}

// While this node has no network, nothing is late; afterwards the clocks go on.
func TestOwnNetworkDown(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.actor("a").behaviour = "silent"
	s.actor("b").behaviour = "silent"
	s.mustStep(submitEvent(testSpec(2, 2, 100), 1))
	s.mustStep(s.quotes())
	for range 6 {
		s.now = s.now.Add(15 * time.Second)
		s.mustStep(Tick{Offline: true, Now: s.now})
	}
	s.now = s.now.Add(time.Second)
	s.mustStep(Tick{Now: s.now})
	for _, a := range s.j.Shards[0].Attempts {
		if a.State != AttemptOffered {
			t.Fatalf("%s: %s", a.State, a.Reason.Code)
		}
	}
	s.now = s.now.Add(30 * time.Second)
	s.mustStep(Tick{Now: s.now})
	for _, a := range s.j.Shards[0].Attempts[:2] {
		if a.State != AttemptLost || a.Blame != BlameNetwork {
			t.Fatalf("%s: %s, %s", a.State, a.Reason.Code, a.Blame)
		}
	}
}
