package aggregator_test

import (
	"testing"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/nodetest"
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
		if round == tries {
			t.Fatal("the validator was never there")
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
	// Where providers were asked again it may have come when some were paid already.
	late := w.stored(j.ID).Rounds > 1
	paid := w.paid(one.NPub()) + w.paid(two.NPub())
	if !w.has(j.ID, judge.Key(), all) || late && (paid > 0 || w.wrong(j) != "") {
		t.Logf("the validator was not there, or late: %d were paid to liars", paid)
		return false
	}
	w.right(j)
	if paid != 0 {
		t.Errorf("the liars were paid %d", paid)
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
