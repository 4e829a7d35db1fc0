package aggregator_test

import (
	"slices"
	"testing"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p/identity"
)

// validator makes a node that checks for a flat price.
func (w *world) validator(name string, price uint64) *nodetest.Member {
	return w.Add(name, node.RoleValidator, func(m *nodetest.Member) { m.Config.Trust.ValidatorPrice = price })
}

// Two of three providers lie alike. The word of one's own validator decides: the
// result is right, they are caught, and it is paid its flat price for what it
// computed.
func TestOwnValidatorAgainstARing(t *testing.T) {
	t.Parallel()
	for round := 0; !ownValidator(t); round++ {
		if round == 8 {
			t.Fatal("the validator was never there in time")
		}
	}
}

// ownValidator has a ring and a validator meet, and reports whether the validator
// was there when the job's providers were asked: it is waited for as long as any
// provider, and not for ever.
func ownValidator(t *testing.T) bool {
	w := newWorld(t, 40)
	ring := nodetest.NewRing()
	one, two := w.Liar(ring.Collude()), w.Liar(ring.Collude())
	w.honest(2)
	judge := w.validator("judge", 3)
	w.finds(one, two)
	j := w.run("ring", "verify: {mode: quorum, validators: ["+judge.NPub()+"]}")
	asked := w.has(j.ID, judge.Key(), all)
	if !asked && !w.candidate(j.ID, judge.Key()) {
		t.Log("the validator was not there")
		return false
	}
	// Where providers were asked again it may have come when some were paid already.
	paid, before := w.paid(one.NPub())+w.paid(two.NPub()), w.without(j.ID, judge.Key(), one.ID(), two.ID())
	if w.stored(j.ID).Rounds > 1 && paid == before && (paid > 0 || !asked && w.undrawn(j.ID)) {
		t.Logf("the validator was late: %d were paid to liars", paid)
		return false
	}
	w.right(j)
	if paid != 0 {
		t.Errorf("the liars were paid %d, and %d of it without the validator", paid, before)
	}
	checked, flat := 0, uint64(0)
	for _, sh := range w.stored(j.ID).Shards {
		for _, a := range sh.Attempts {
			if a.Provider == judge.Key() && a.Paid {
				checked++
				flat += a.Amount.Value
			}
		}
	}
	if checked == 0 || flat != 3*uint64(checked) {
		t.Errorf("the validator was paid %d for %d shards, at 3 each", flat, checked)
	}
	t.Logf("%d cheaters named, %d shards decided by the validator", len(j.Cheaters), checked)
	return true
}

// without is what the job paid to some providers for shards that a validator of
// one's own had no say in: it was not there when the commits were in, and nothing
// was drawn, or it was asked and its commit never came.
func (w *world) without(id string, judge identity.PubKey, providers ...identity.PubKey) (sum uint64) {
	w.t.Helper()
	for _, sh := range w.stored(id).Shards {
		asked, said := false, false
		for _, a := range sh.Attempts {
			asked = asked || a.Provider == judge
			said = said || a.Provider == judge && hasCommitted(sh, a)
		}
		if said || sh.Spot != job.SpotNone && !asked {
			continue
		}
		for _, a := range sh.Attempts {
			if a.Paid && slices.Contains(providers, a.Provider) {
				sum += a.Amount.Value
			}
		}
	}
	return sum
}

// undrawn reports whether no validator of one's own was there for any shard when
// its commits were in.
func (w *world) undrawn(id string) bool {
	w.t.Helper()
	return !slices.ContainsFunc(w.stored(id).Shards, func(sh *job.Shard) bool { return sh.Spot != job.SpotNone })
}
