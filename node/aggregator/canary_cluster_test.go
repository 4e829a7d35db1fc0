package aggregator_test

import (
	"fmt"
	"testing"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p/identity"
)

// A canary is never given to an operator that has computed its input, in the
// same job or any before, and finds one that makes its answers up.
func TestCanariesAreNewToWhoGetsThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60)
	w.honest(3)
	j := w.run("first", "verify: {mode: canary, rate: 20%}")
	w.right(j)
	if mode := w.stored(j.ID).Spec.Verify.Mode; mode != job.VerifySample {
		t.Errorf("nothing was known, and the mode is %s", mode)
	}
	w.right(w.run("all-checked", "verify: {mode: quorum}"))
	saw := map[string]map[string]bool{} // by input: who computed it
	learn := func(id string) (canaries int) {
		for _, sh := range w.stored(id).Shards {
			if saw[sh.Input.CID] == nil {
				saw[sh.Input.CID] = map[string]bool{}
			}
			for _, a := range sh.Attempts {
				if sh.Input.Known != nil {
					canaries++
					if saw[sh.Input.CID][a.Provider.Hex()] {
						t.Errorf("shard %d: a canary goes to one who knows it", sh.Index)
					}
				}
			}
			for _, a := range sh.Attempts {
				saw[sh.Input.CID][a.Provider.Hex()] = true
			}
		}
		return canaries
	}
	learn(j.ID)
	for _, old := range w.all() {
		learn(old)
	}
	w.honest(2)
	for round := range 3 {
		// Inputs differ from round to round: those of a job are nobody's canaries.
		w.lines(fmt.Sprint(round), 60)
		j = w.run(fmt.Sprintf("canaries-%d", round), "verify: {mode: canary, rate: 10%}")
		w.right(j)
		t.Logf("round %d: %d canaries", round, learn(j.ID))
		if j.Shards.Total != 12 {
			t.Errorf("the owner is told of %d shards, %d were given", j.Shards.Total, 12)
		}
	}
	// Whether one of them gets a canary is drawn: it is tried until it has.
	liar := w.Liar(nodetest.Wrong(nil))
	w.finds(liar)
	for round := 0; ; round++ {
		w.lines(fmt.Sprint("last-", round), 60)
		j = w.run(fmt.Sprintf("with-a-liar-%d", round), "verify: {mode: canary, rate: 50%}")
		if w.answeredCanary(j.ID, liar.ID()) {
			break
		}
		if round == tries {
			t.Fatalf("the liar got no canary in %d jobs", round)
		}
	}
	if len(j.Cheaters) != 1 || j.Cheaters[0].NPub != liar.NPub() {
		t.Errorf("cheaters: %+v", j.Cheaters)
	}
	w.right(j)
}

// answeredCanary reports whether provider gave a result for a canary of the job;
// one that was not found wrong is an error.
func (w *world) answeredCanary(id string, provider identity.PubKey) (answered bool) {
	for _, sh := range w.stored(id).Shards {
		for _, a := range sh.Attempts {
			if sh.Input.Known == nil || a.Provider != provider {
				continue
			}
			answered = answered || a.State == job.AttemptBad
			if a.State.Live() || a.State == job.AttemptOK || a.State == job.AttemptSettled {
				w.t.Errorf("shard %d: the liar's canary is %s", sh.Index, a.State)
			}
		}
	}
	return answered
}
