package job

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/p2p/identity"
)

// proven makes all quotes those of providers with a long track.
func proven(w *world) { w.quote = func(_ int, c *Candidate) { c.Track.Valid = 1000 } }

// Newcomers are all audited: every shard of theirs is computed twice.
func TestNewcomersAreAudited(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t, 10)
	w.quote = func(_ int, c *Candidate) { c.New = true }
	w.take(submitEvent(modeSpec(VerifyAdaptive, 10_000), 40))
	w.run()
	sum := w.j.Summary()
	if w.j.State != StateDone || sum.Audited != 40 || sum.Spent.Value != 2*40*10 || sum.Held != 0 {
		t.Fatalf("%s %+v", w.j.State, sum)
	}
}

// The long known are audited at the floor, and what is held of them is paid.
func TestProvenAreAuditedAtTheFloor(t *testing.T) {
	t.Parallel()
	const n = 3000
	w := emptyWorld(t, 20)
	proven(w)
	w.take(submitEvent(modeSpec(VerifyAdaptive, 100*n), n))
	w.run()
	sum := w.j.Summary()
	extra := float64(sum.Spent.Value)/10 - n
	if sigma := math.Sqrt(n * 0.05 * 0.95); w.j.State != StateDone || math.Abs(extra-n*0.05) > 3*sigma {
		t.Fatalf("%s, %.0f audits of %d", w.j.State, extra, n)
	}
	for _, sh := range w.j.Shards {
		for k := range sh.Attempts {
			if a := &sh.Attempts[k]; a.State != AttemptSettled || !a.Paid {
				t.Fatalf("attempt %d/%d is %s", sh.Index, a.N, a.State)
			}
		}
	}
}

// One who always cheats is paid for nothing in the job in which it is caught,
// and none of its results is left.
func TestFullCheaterIsPaidNothing(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{VerifyAdaptive, VerifySample, VerifyReplay, VerifyCanary} {
		w := emptyWorld(t, 10)
		w.quote = func(i int, c *Candidate) { c.Track.Valid = 12 } // at a rate of 1 in 12
		w.lie = func(i int, sh *Shard) string {
			if i == 3 {
				return fmt.Sprint(sh.Index)
			}
			return ""
		}
		spec := modeSpec(mode, 1_000_000)
		spec.Verify.Rate = max(spec.Verify.Rate, 80_000)
		w.take(withKnown(submitEvent(spec, 600), spec.Verify.Canaries(600), false))
		w.run()
		s := w.j.standingOf(&Attempt{Provider: w.keys[3]})
		if w.j.State != StateDone || !s.Caught || w.wrong() != 0 {
			t.Errorf("%s: %s, caught %v, %d wrong", mode, w.j.State, s.Caught, w.wrong())
		}
		if paid := w.earned(3); paid > 0 && mode != VerifyCanary {
			t.Errorf("%s: it earned %d", mode, paid)
		}
		for i := range w.keys {
			if i != 3 && w.j.standingOf(&Attempt{Provider: w.keys[i]}).Faults > 0 {
				t.Errorf("%s: provider %d is blamed", mode, i)
			}
		}
		checkIndex(t, w.j)
	}
}

// A held result that was right after all is paid when its provider is caught in another.
func TestRightHeldResultsArePaid(t *testing.T) {
	t.Parallel()
	paid, undone := uint64(0), 0
	for secret := range byte(6) {
		w := emptyWorld(t, 6)
		w.quote = func(i int, c *Candidate) { c.Track.Valid = 15 }
		w.lie = func(i int, sh *Shard) string {
			if i == 2 && sh.Index%5 == 1 {
				return fmt.Sprint(sh.Index)
			}
			return ""
		}
		e := submitEvent(modeSpec(VerifyAdaptive, 1_000_000), 200)
		e.Secret = ID{2, secret}
		w.take(e)
		w.run()
		for _, sh := range w.j.Shards {
			if sh.Reopened {
				undone++
			}
			for k := range sh.Attempts {
				a := &sh.Attempts[k]
				if a.Provider != w.keys[2] || a.Commit.Event == (ID{}) {
					continue
				}
				if lied := strings.HasPrefix(a.Reveal.Root, "lie"); sh.Reopened && lied && a.State == AttemptSettled && !a.Doubt {
					t.Errorf("attempt %d/%d was wrong, and settled", sh.Index, a.N)
				}
				if sh.Reopened && a.Paid && !strings.HasPrefix(a.Reveal.Root, "lie") {
					paid += a.Amount.Value
				}
			}
		}
		if w.wrong() > 0 && w.j.standingOf(&Attempt{Provider: w.keys[2]}).Caught {
			t.Errorf("%d wrong results are left", w.wrong())
		}
	}
	if paid == 0 || undone == 0 {
		t.Errorf("%d shards were opened again, %d paid for what was right", undone, paid)
	}
}

// A canary is no part of the result, and its answer goes nowhere.
func TestCanariesAreNoPartOfTheResult(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t, 5)
	proven(w)
	spec := modeSpec(VerifyCanary, 100_000)
	w.take(withKnown(submitEvent(spec, 100), 10, false, w.keys[0].Hex()))
	var merge Merge
	for !w.j.State.Terminal() {
		w.next()
		if m, ok := w.j.Outbox.find(isMerge).(Merge); ok {
			merge = m
		}
	}
	if len(merge.Roots) != 100 {
		t.Fatalf("%d roots are merged", len(merge.Roots))
	}
	for i, r := range merge.Roots {
		if r != fmt.Sprint("root", i) {
			t.Fatalf("root %d is %s", i, r)
		}
	}
	sum := w.j.Summary()
	if sum.Shards != 100 || sum.Canaries != 10 || sum.OK != 100 {
		t.Fatalf("%+v", sum)
	}
	for _, sh := range w.j.Shards {
		if sh.Input.Known != nil && (sh.Label != LabelAudited || sh.Attempts[0].Provider == w.keys[0]) {
			t.Errorf("canary %d: %s by %s", sh.Index, sh.Label, sh.Attempts[0].Provider)
		}
	}
}

func (o Outbox) find(fits func(Effect) bool) Effect {
	for _, e := range o {
		if fits(e) {
			return e
		}
	}
	return nil
}

// Where the canaries lie follows from the secret, everywhere alike.
func TestPlacesOfCanaries(t *testing.T) {
	t.Parallel()
	var first, last, n float64
	for secret := range 2000 {
		e := withKnown(submitEvent(modeSpec(VerifyCanary, 1), 18), 2, false)
		in := places(ID{byte(secret), byte(secret >> 8), 1}, e.Inputs)
		at := 0
		for i, x := range in {
			if x.Known == nil {
				if x.CID != fmt.Sprint("in", at) {
					t.Fatal("the real ones are out of order")
				}
				at++
				continue
			}
			if n++; i < 10 {
				first++
			} else {
				last++
			}
		}
	}
	if d := math.Abs(first - last); d > 4*math.Sqrt(n) {
		t.Errorf("%v in the first half, %v in the second", first, last)
	}
}

// A known answer that is itself wrong convicts nobody.
func TestWrongCanaryBlamesNobody(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t, 5)
	proven(w)
	e := submitEvent(modeSpec(VerifyCanary, 100_000), 20)
	e.Inputs = append(e.Inputs, Input{CID: "inX", Units: 10, Known: &Known{Root: "poisoned", Size: 50}})
	w.take(e)
	w.run()
	for _, s := range w.j.Providers {
		if s.Faults > 0 || s.Excluded {
			t.Errorf("%s is blamed", s.Provider)
		}
	}
	i := slices.IndexFunc(w.j.Shards, func(sh *Shard) bool { return sh.Input.Known != nil })
	if sh := w.j.Shards[i]; w.j.State != StateDone || sh.Reason.Code != CodeCanaryWrong || len(sh.Group) < 2 {
		t.Errorf("%s, %+v", w.j.State, sh)
	}
}

// ring lies together where all that hold the shard when the first of them is
// about to commit are of it.
func ring(w *world, size int) {
	lies := map[uint32]bool{}
	w.lie = func(i int, sh *Shard) string {
		if i >= size {
			return ""
		}
		if _, decided := lies[sh.Index]; !decided {
			all := 0
			for k := range sh.Attempts {
				p := sh.Attempts[k].Provider
				if all++; int(p[0])<<8|int(p[1]) >= size {
					all = -10
				}
			}
			lies[sh.Index] = all > 1
		}
		if lies[sh.Index] {
			return fmt.Sprint("ring", sh.Index)
		}
		return ""
	}
}

// With a validator of one's own, a third of the providers that lie together are
// found out at a quorum of strangers, and nothing of theirs is left.
func TestRingAgainstOwnValidator(t *testing.T) {
	t.Parallel()
	const n = 1500
	w := emptyWorld(t, 31)
	w.quote = func(i int, c *Candidate) {
		if c.Track.Valid = 1000; i == 30 {
			c.Validator, c.Trusted, c.Slots = true, true, 64
		}
	}
	ring(w, 10)
	spec := testSpec(2, 2, 1_000_000)
	spec.Timeouts.Job = time.Hour
	w.take(submitEvent(spec, n))
	w.run()
	caught := 0
	for i := range 30 {
		if s := w.j.standingOf(&Attempt{Provider: w.keys[i]}); s.Caught && i < 10 {
			caught++
		} else if s.Faults > 0 {
			t.Errorf("provider %d is blamed: %+v", i, s)
		}
	}
	if w.j.State != StateDone || w.wrong() != 0 || caught < 8 {
		t.Errorf("%s, %d wrong, %d of 10 caught", w.j.State, w.wrong(), caught)
	}
	t.Logf("%d of 10 caught, %d reopened, %s spent", caught, w.j.Summary().Reopened, w.j.Summary().Spent)
}

// Without one, strangers that lie together at a quorum of two are believed: what
// is drawn with chance a² is accepted. This is what the validator is for.
func TestRingAmongStrangers(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t, 30)
	proven(w)
	ring(w, 10)
	w.take(submitEvent(testSpec(2, 2, 1_000_000), 900))
	w.run()
	if got := float64(w.wrong()) / 900; w.j.State != StateDone || got < 0.05 || got > 0.17 {
		t.Errorf("%s, %.3f wrong, 10/30*9/29 expected", w.j.State, got)
	}
}

// Three of a ring, all that hold a shard, are not paid when one's own validator disagrees.
func TestMajorityOfLiarsIsNotPaid(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t, 4)
	w.quote = func(i int, c *Candidate) {
		if i == 3 {
			c.Validator, c.Trusted = true, true
		}
	}
	w.lie = func(i int, sh *Shard) string {
		switch i {
		case 0, 1:
			return "same"
		case 2:
			return "other"
		}
		return ""
	}
	w.take(submitEvent(testSpec(3, 2, 10_000), 1))
	for len(w.queue) > 0 && !w.j.State.Terminal() {
		w.next()
	}
	sh := w.j.Shards[0]
	if sh.Result != "root0" || sh.Label != LabelAudited || w.earned(0)+w.earned(1)+w.earned(2) != 0 || w.earned(3) != 10 {
		t.Errorf("%s, %s, %s", w.j.State, sh.Result, sh.Label)
	}
}

// A validator is paid whatever it says of others, and in a while is given
// something whose answer is known.
func TestValidatorsAreFlatAndProbed(t *testing.T) {
	t.Parallel()
	probed, disputes := 0, 0
	for secret := range 60 {
		w := emptyWorld(t, 5)
		w.quote = func(i int, c *Candidate) { c.Validator = i == 4 }
		w.lie = func(i int, sh *Shard) string {
			if i == 0 {
				return fmt.Sprint(sh.Index)
			}
			return ""
		}
		e := withKnown(submitEvent(testSpec(2, 2, 10_000), 6), 3, true)
		e.Secret = ID{9, byte(secret)}
		w.take(e)
		w.run()
		for _, sh := range w.j.Shards {
			for k := range sh.Attempts {
				a := &sh.Attempts[k]
				if a.Provider != w.keys[4] {
					continue
				}
				if sh.isProbe() {
					probed++
				} else {
					disputes++
				}
				if a.State == AttemptSettled && !a.Paid || !a.Flat {
					t.Errorf("attempt %d/%d of the validator: %s", sh.Index, a.N, a.State)
				}
			}
		}
		if w.j.State != StateDone || w.wrong() > 0 {
			t.Errorf("%s, %d wrong", w.j.State, w.wrong())
		}
	}
	if disputes < 20 {
		t.Errorf("it was asked %d times", disputes)
	}
	t.Logf("%d disputes, %d probes", disputes, probed)
}

// Nobody gets more than a fifth, however good; the rest goes to the best of the others.
func TestShareOfOneProvider(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t, 12)
	w.quote = func(i int, c *Candidate) {
		c.Track.Valid, c.Slots = 1000, 4
		if c.Rank = 1; i == 0 {
			c.Rank, c.Slots = 100, 64
		}
	}
	spec := modeSpec(VerifyAdaptive, 1_000_000)
	spec.MaxInFlight = 16
	w.take(submitEvent(spec, 500))
	w.run()
	given := map[identity.PubKey]int{}
	all := 0
	for _, sh := range w.j.Shards {
		for k := range sh.Attempts {
			given[sh.Attempts[k].Provider]++
			all++
		}
	}
	if got := given[w.keys[0]]; got > all/5+1 || got < all/6 {
		t.Errorf("the best has %d of %d", got, all)
	}
}

// Of two that are free, the one far below the best gets nothing; newcomers get a tenth.
func TestBandAndExploration(t *testing.T) {
	t.Parallel()
	m := &machine{j: Job{Secret: ID{5}}}
	young := &option{Candidate: &Candidate{Rank: 0.01}, newcomer: true}
	good, best, poor := &option{Candidate: &Candidate{Rank: 0.85}}, &option{Candidate: &Candidate{Rank: 1}}, &option{Candidate: &Candidate{Rank: 0.7}}
	explored := 0
	for i := range uint32(5000) {
		got := m.band(&Shard{Index: i}, []*option{young, good, poor, best})
		switch {
		case len(got) == 1 && got[0] == young:
			explored++
		case len(got) == 2 && got[0] == good && got[1] == best:
		default:
			t.Fatalf("%d are in the band", len(got))
		}
	}
	if explored < 400 || explored > 600 {
		t.Errorf("newcomers had %d of 5000", explored)
	}
	nan := &option{Candidate: &Candidate{Rank: math.NaN()}}
	if got := m.band(&Shard{}, []*option{nan}); len(got) != 1 {
		t.Error("nobody is left")
	}
}

// The numbers of attempts in documents do not tell the first from the second.
func TestWireNumbersTellNothing(t *testing.T) {
	t.Parallel()
	m := &machine{j: Job{Secret: ID{5}}}
	var sum [2]float64
	const n = 4000
	for i := range uint32(n) {
		sh := &Shard{Index: i}
		for k := range sum {
			w := m.wireNumber(sh)
			if w >= maxWire || len(sh.Attempts) == 1 && sh.Attempts[0].Wire == w {
				t.Fatal(w)
			}
			sh.Attempts = append(sh.Attempts, Attempt{N: uint32(k), Wire: w})
			sum[k] += float64(w) / n
		}
	}
	sigma := maxWire / math.Sqrt(12*n)
	for _, mean := range sum {
		if math.Abs(mean-maxWire/2) > 4*sigma {
			t.Errorf("means %v", sum)
		}
	}
}

func TestBlame(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		code, silent, heard string
	}{
		{CodeMismatch, BlameProvider, BlameProvider}, {CodeProtocol, BlameProvider, BlameProvider},
		{CodeLate, BlameNetwork, BlameProvider}, {CodeNoReveal, BlameNetwork, BlameProvider},
		{CodeNever, BlameNetwork, BlameNetwork}, {CodeUnreachable, BlameNetwork, BlameNetwork},
		{CodeCancelled, BlameClient, BlameClient}, {CodeOffline, BlameClient, BlameClient},
		{CodeTask, BlameInconclusive, BlameInconclusive}, {CodeInconclusive, BlameInconclusive, BlameInconclusive},
		{"never heard of", BlameInconclusive, BlameInconclusive},
	} {
		if a, b := Blame(x.code, false), Blame(x.code, true); a != x.silent || b != x.heard {
			t.Errorf("%s: %s and %s", x.code, a, b)
		}
	}
}

// Credit couples to the rate: who lets nothing be owed is audited more.
func TestCreditAndRate(t *testing.T) {
	t.Parallel()
	for credit, want := range map[uint64]uint32{0: 50_000, 20: 259_260, 50: 122_808, 10_000: 50_000} {
		p := testKey(t, 0)
		m := &machine{j: Job{Spec: modeSpec(VerifyAdaptive, 1), Candidates: []Candidate{{Provider: p, Credit: credit}}}}
		m.j.Providers = []Standing{{Provider: p, Known: true, Track: audit.Track{Valid: 1000}}}
		m.x = newIndex(&m.j)
		a := &Attempt{Provider: p}
		a.Amount.Value = 10
		if got := m.rate(&Shard{Wanted: 1}, a); got != want {
			t.Errorf("with credit for %d: %d, want %d", credit, got, want)
		}
	}
}
