package aggregator_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/node/nodetest"
)

// A validator that computes nothing and finds right whatever its friends say has
// nothing to say of a shard that they never had: the first probe finds it, and it
// is paid for none of them. Its friends are honest, so that no dispute can find it
// instead. Every time it is asked it is probed here.
func TestProbeFindsANodder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60, func(m *nodetest.Member) { m.Config.Trust.ProbePPM = audit.All })
	ring, told := nodetest.NewRing(), new(atomic.Bool)
	nodder := w.Liar(ring.Nod())
	give := ring.Give()
	friend := nodetest.Script{Lie: func(ctx context.Context, l *nodetest.Liar, a *nodetest.Work) error {
		if told.Load() {
			return give.Lie(ctx, l, a)
		}
		return l.Do(ctx, a)
	}}
	friends := []*nodetest.Liar{nodder}
	for range 3 {
		friends = append(friends, w.Liar(friend))
	}
	w.finds(friends...)
	// Answers for probes are only kept ready when a validator has been met.
	for round := 0; ; round++ {
		j := w.run(fmt.Sprintf("known-answers-%d", round), "verify: {mode: quorum}")
		w.right(j)
		if w.candidate(j.ID, nodder.ID()) {
			break
		}
		if round == tries {
			t.Fatal("the validator is not met")
		}
	}
	if n := len(nodder.Works()); n != 0 {
		t.Fatalf("nobody disagreed, and the validator was given %d shards", n)
	}
	told.Store(true)
	for range 2 { // who may decide of a probe has not seen its answer
		friends = append(friends, w.Liar(friend))
	}
	w.finds(friends...)
	// One liar at a time, until it is found and left alone: where two of them have a
	// shard none of the friends may have, and then a dispute finds the nodder.
	var liar *nodetest.Liar
	unjudged := 0
	for round := 0; ; round++ {
		if round == 2*tries {
			t.Fatal("it was never asked")
		}
		if liar == nil {
			liar = w.Liar(nodetest.Wrong(nil))
			w.finds(liar)
		}
		w.lines(fmt.Sprint("round ", round), 60)
		j := w.run(fmt.Sprintf("disputed-%d", round), "verify: {mode: quorum}")
		w.right(j)
		if w.has(j.ID, nodder.ID(), all) && !w.has(j.ID, nodder.ID(), isProbe) {
			t.Error("it was asked, and not probed")
		}
		if w.has(j.ID, nodder.ID(), func(sh *job.Shard, a job.Attempt) bool { return isProbe(sh, a) && wasJudged(sh, a) }) {
			t.Logf("probed in job %d", round)
			w.byProbe(j, nodder)
			break
		}
		// It was late, or nobody was there to decide.
		if w.has(j.ID, nodder.ID(), isProbe) {
			if unjudged++; unjudged > 3 {
				t.Fatalf("probed in %d jobs, and judged in none", unjudged)
			}
		}
		if caught(j, liar) {
			liar = nil
		}
	}
	asked := len(nodder.Works())
	w.lines("after", 60)
	w.right(w.run("after", "verify: {mode: quorum}"))
	if again := len(nodder.Works()); again != asked {
		t.Errorf("it was found, and asked %d times more", again-asked)
	}
}

func all(*job.Shard, job.Attempt) bool { return true }

func isProbe(sh *job.Shard, _ job.Attempt) bool { return sh.Input.Known != nil && sh.Input.Known.Probe }

func caught(j api.Job, l *nodetest.Liar) bool {
	return slices.ContainsFunc(j.Cheaters, func(c api.Cheater) bool { return c.NPub == l.NPub() })
}

// byProbe checks that a validator was caught in a job, that it was by a probe, and
// that it was not paid for that and a provider decided.
func (w *world) byProbe(j api.Job, l *nodetest.Liar) {
	w.t.Helper()
	if !caught(j, l) {
		w.t.Errorf("asked for %d shards, it was not found", len(l.Works()))
		w.t.Log(w.client.History(j.ID))
	}
	probes := 0
	for _, sh := range w.stored(j.ID).Shards {
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
