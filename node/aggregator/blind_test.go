package aggregator_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p/wire"
)

// mayDiffer are the fields in which two Accepts of one job differ whatever they
// are for: the quote's number, the shard's, the attempt's, the nonce, the
// document's own date, and the input itself. Of a request to reveal it is the
// commit, and not how many are named.
var mayDiffer = []string{"quote", "shard", "attempt", "input_cid", "input_size", "sources", "n", "expiration", "commits"}

// tale is all of a document that a provider could tell its purpose by.
func tale(t *testing.T, ev wire.Event) string {
	t.Helper()
	out := fmt.Sprintf("%s|%q|", ev.Kind, ev.Content)
	for _, tag := range ev.Tags {
		if slices.Contains(mayDiffer, tag[0]) {
			out += fmt.Sprintf("%s:%d|", tag[0], len(tag))
			continue
		}
		out += fmt.Sprintf("%q|", tag)
	}
	return out
}

// purpose is what an attempt was for, as only its aggregator knows.
func purpose(sh *job.Shard, a job.Attempt) string {
	switch {
	case sh.Input.Known != nil:
		return "canary"
	case a.N == 0:
		return "first run"
	case slices.ContainsFunc(sh.Attempts[:a.N], func(b job.Attempt) bool {
		return b.State == job.AttemptLost || b.State == job.AttemptCancelled || b.State == job.AttemptBad
	}):
		return "redo"
	}
	return "replica"
}

// What an attempt is for does not show: a first run, a replica, a shard that is
// done again and a canary come with the same words, and the numbers that differ
// follow from the secret.
func TestAttemptsLookAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 40)
	var watchers []*nodetest.Liar
	for range 3 {
		watchers = append(watchers, w.Liar(nodetest.Script{Slots: 4}))
	}
	var repents atomic.Bool
	cheater := w.Liar(nodetest.Wrong(func(*nodetest.Work) bool { return !repents.Load() }))
	watchers = append(watchers, cheater)
	w.finds(watchers...)
	w.watch("to learn from", adaptive, watchers, "first run", "replica", "redo")
	// Those that know the answers cannot get them again.
	repents.Store(true)
	for range 2 {
		watchers = append(watchers, w.Liar(nodetest.Script{Slots: 4}))
	}
	w.finds(watchers...)
	w.watch("watched", "verify: {mode: canary, rate: 20%}", watchers, "first run", "canary")
}

// watch runs jobs until the watchers have had something for each of these purposes.
func (w *world) watch(text, verify string, watchers []*nodetest.Liar, purposes ...string) {
	w.t.Helper()
	seen := map[string]int{}
	for round := range tries {
		w.lines(fmt.Sprint(text, round), 40)
		j := w.run(fmt.Sprintf("watched-%d", round), verify)
		w.right(j)
		w.lookAlike(j.ID, watchers, seen)
		if !slices.ContainsFunc(purposes, func(p string) bool { return seen[p] == 0 }) {
			return
		}
	}
	w.t.Errorf("in %d jobs: %v, want each of %q", tries, seen, purposes)
}

// lookAlike holds that what the watchers were sent of a job is the same, for
// whatever purpose, and counts the purposes.
func (w *world) lookAlike(id string, watchers []*nodetest.Liar, seen map[string]int) {
	w.t.Helper()
	j := w.stored(id)
	kinds, asked := map[string]bool{}, map[string]bool{}
	had := 0
	for _, sh := range j.Shards {
		for _, a := range sh.Attempts {
			if work := watched(watchers, j.ID, sh.Index, a); work != nil {
				kinds[tale(w.t, work.Raw)] = true
				if !work.Asked.ID.IsZero() {
					asked[tale(w.t, work.Asked)] = true
				}
				seen[purpose(sh, a)]++
				had++
			}
		}
	}
	if had == 0 {
		return // none of them had part in it
	}
	w.t.Logf("seen: %v", seen)
	if len(kinds) != 1 || len(asked) != 1 {
		w.t.Errorf("%d kinds of Accepts: %v; %d of requests to reveal: %v", len(kinds), kinds, len(asked), asked)
	}
}

func watched(watchers []*nodetest.Liar, id job.ID, shard uint32, a job.Attempt) *nodetest.Work {
	for _, l := range watchers {
		for _, work := range l.Works() {
			if l.ID() == a.Provider && work.Accept.Job == id && work.Accept.Shard == shard && work.Accept.Attempt == a.Wire {
				return work
			}
		}
	}
	return nil
}
