package aggregator_test

import (
	"fmt"
	"slices"
	"testing"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/node/nodetest"
)

// A validator that computes nothing and finds right whatever its friend says has
// nothing to say of a shard that its friend never had: the first probe finds it,
// and it is paid for none of them. Every time it is asked it is probed here.
func TestProbeFindsANodder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60, func(m *nodetest.Member) { m.Config.Trust.ProbePPM = audit.All })
	ring := nodetest.NewRing()
	nodder := w.Liar(ring.Nod())
	w.honest(3)
	w.right(w.run("known-answers", "verify: {mode: quorum}"))
	if n := len(nodder.Works()); n != 0 {
		t.Fatalf("nobody disagreed, and the validator was given %d shards", n)
	}
	w.honest(2)
	caught := false
	for round := range 8 {
		w.Liar(ring.Collude()) // each is found sooner or later, and then left alone
		w.lines(fmt.Sprint("round ", round), 60)
		j := w.run(fmt.Sprintf("disputed-%d", round), "verify: {mode: quorum}")
		if caught = slices.ContainsFunc(j.Cheaters, func(c api.Cheater) bool { return c.NPub == nodder.NPub() }); caught {
			w.byProbe(j.ID, nodder)
			break
		}
	}
	asked := len(nodder.Works())
	if !caught {
		t.Fatalf("asked for %d shards, it was not found", asked)
	}
	w.lines("after", 60)
	w.run("after", "verify: {mode: quorum}")
	if again := len(nodder.Works()); again != asked {
		t.Errorf("it was found, and asked %d times more", again-asked)
	}
}

// byProbe checks that what a validator was caught by is a probe, which it was not
// paid for and a provider decided.
func (w *world) byProbe(id string, l *nodetest.Liar) {
	w.t.Helper()
	probes := 0
	for _, sh := range w.stored(id).Shards {
		known := sh.Input.Known
		for _, a := range sh.Attempts {
			if a.Provider != l.ID() || a.State != job.AttemptBad {
				continue
			}
			if known == nil || !known.Probe {
				w.t.Errorf("shard %d is no probe, and it was found by it", sh.Index)
				continue
			}
			probes++
			if a.Paid || len(sh.Attempts) < 2 || sh.Label != job.LabelAudited {
				w.t.Errorf("shard %d: %d attempts, %s, paid %v", sh.Index, len(sh.Attempts), sh.Label, a.Paid)
			}
		}
	}
	if probes == 0 {
		w.t.Error("it was found by no probe")
	}
}
