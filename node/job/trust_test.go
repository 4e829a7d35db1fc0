package job

import (
	"reflect"
	"slices"
	"strings"

	"infernet.tech/infernet/p2p/wire"
)

// checkSettle holds a settlement that is given out for the first time to what
// may be paid, and when.
func checkSettle(t tb, before, after Job, ev Event, e Settle) {
	t.Helper()
	if e.Verdict != VerdictOK && !e.Amount.IsZero() {
		t.Fatalf("%s pays for %s", e.Key(), e.Verdict)
	}
	if slices.ContainsFunc(before.Outbox, func(o Effect) bool { return o.Key() == e.Key() }) {
		return
	}
	sh := after.Shards[e.Shard]
	a := &sh.Attempts[e.Attempt]
	if old := before.Shards[e.Shard]; int(e.Attempt) < len(old.Attempts) && (old.Attempts[e.Attempt].Settled || old.Attempts[e.Attempt].Paid) {
		t.Fatalf("%s a second time", e.Key())
	}
	if e.Verdict != VerdictOK {
		if e.Blame == "" {
			t.Fatalf("%s: %s and no word on whose fault it is", e.Key(), e.Verdict)
		}
		return
	}
	_, compared := ev.(Compared)
	_, replayed := ev.(Audited)
	if after.Spec.Verify.Mode == VerifyQuorum && !compared && !a.Flat {
		t.Fatalf("%s after %s, without a comparison", e.Key(), ev.name())
	}
	if s := after.standingOf(a); s.Caught && !compared && !replayed && !a.Flat {
		t.Fatalf("%s: it was caught, and is paid after %s for what nobody compared", e.Key(), ev.name())
	}
	if a.Held {
		t.Fatalf("%s is held and paid", e.Key())
	}
}

func (j Job) standingOf(a *Attempt) Standing {
	for _, s := range j.Providers {
		if s.Provider == a.Provider {
			return s
		}
	}
	return Standing{}
}

// checkLottery holds every attempt to the rules of draws, numbers and distance.
func checkLottery(t tb, j Job) {
	t.Helper()
	busy := map[string]int{}
	for _, sh := range j.Shards {
		numbers := map[uint32]bool{}
		for k := range sh.Attempts {
			a := &sh.Attempts[k]
			if a.Wire >= maxWire || numbers[a.Wire] {
				t.Fatalf("attempt %d/%d has the number %d", sh.Index, a.N, a.Wire)
			}
			numbers[a.Wire] = true
			if a.State.In() || a.State == AttemptOK || a.State == AttemptBad || a.State == AttemptSettled {
				checkDraw(t, j, sh, a)
			}
			checkHeld(t, j, sh, a)
			if known := sh.Input.Known; known != nil && slices.Contains(known.Not, a.operator()) {
				t.Fatalf("canary %d went to %s, who had seen it", sh.Index, a.operator())
			}
			if a.State.Busy() {
				busy[a.Provider.Hex()]++
			}
			for i := range k {
				b := &sh.Attempts[i]
				if b.State != AttemptLost && b.State != AttemptCancelled && a.State != AttemptLost && a.State != AttemptCancelled && !a.Trusted && !b.Trusted && shares(a.Apart, b.Apart) {
					t.Fatalf("attempts %d and %d of shard %d share one of %v", i, k, sh.Index, a.Apart)
				}
			}
		}
	}
	for _, c := range j.Candidates {
		fresh := c.New && !c.Validator && j.standingOf(&Attempt{Provider: c.Provider}).Valid == 0
		if n := busy[c.Provider.Hex()]; fresh && n > NewcomerOpen && j.Spec.Verify.Mode != VerifyNone {
			t.Fatalf("a newcomer runs %d shards", n)
		}
	}
}

func checkDraw(t tb, j Job, sh *Shard, a *Attempt) {
	t.Helper()
	if !a.Drawn {
		t.Fatalf("attempt %d/%d is %s and nothing was drawn", sh.Index, a.N, a.State)
	}
	draw := wire.AuditDraw(j.Secret, j.ID, sh.Index, a.Wire, a.Commit.C)
	if a.Audited != wire.Audited(draw, a.RatePPM) {
		t.Fatalf("attempt %d/%d: the lottery says otherwise", sh.Index, a.N)
	}
	if a.RatePPM < j.Spec.Verify.AuditMin() {
		t.Fatalf("attempt %d/%d: a rate of %d, %d were promised", sh.Index, a.N, a.RatePPM, j.Spec.Verify.AuditMin())
	}
}

func checkHeld(t tb, j Job, sh *Shard, a *Attempt) {
	t.Helper()
	if !a.Held {
		return
	}
	switch {
	case a.State != AttemptOK || sh.State != ShardVerified || sh.Label != LabelClaimed:
		t.Fatalf("attempt %d/%d is held, and %s in a shard that is %s and %s", sh.Index, a.N, a.State, sh.State, sh.Label)
	case j.State.Terminal() || j.State == StateSettling && j.Ending == "":
		t.Fatalf("attempt %d/%d is held at the end of the job", sh.Index, a.N)
	case j.standingOf(a).Caught:
		t.Fatalf("attempt %d/%d is held, of one who was caught", sh.Index, a.N)
	}
}

// checkIndex holds what Step counts as it goes to what a new count says.
func checkIndex(t tb, j Job) {
	t.Helper()
	x, y := j.index, newIndex(&j)
	if x.inFlight != y.inFlight || x.given != y.given || x.undecided != y.undecided || x.paying != y.paying ||
		x.uncommitted != y.uncommitted || x.progressed != y.progressed {
		t.Fatalf("counted\n%+v\nthere are\n%+v", x, y)
	}
	if !slices.Equal(x.bits, y.bits) || !slices.Equal(x.hungry, y.hungry) || !slices.Equal(x.fresh, y.fresh) ||
		!slices.Equal(x.known, y.known) || !reflect.DeepEqual(x.commits, y.commits) {
		t.Fatalf("counted\n%+v\nthere are\n%+v", x, y)
	}
	for p, want := range y.by {
		got := x.tally(p)
		if got.busy != want.busy || got.open != want.open || got.given != want.given || got.commits != want.commits || got.took != want.took || got.standing != want.standing || len(got.held) != len(want.held) {
			t.Fatalf("of %s counted\n%+v\nthere are\n%+v", strings.ToUpper(p.Short()), got, want)
		}
	}
}
