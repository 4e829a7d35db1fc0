package job

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

// TestEveryEventInEveryState applies every kind of event to jobs in every state
// a job, a shard and an attempt can be in.
func TestEveryEventInEveryState(t *testing.T) {
	t.Parallel()
	jobs := everyState(t)
	seen := map[string]bool{}
	for _, j := range jobs {
		seen["job "+string(j.State)] = true
		for _, sh := range j.Shards {
			seen["shard "+string(sh.State)] = true
			for _, a := range sh.Attempts {
				seen["attempt "+string(a.State)] = true
			}
		}
		for shard := range uint32(2) {
			for n := range uint32(3) {
				events := append(strangerEvents(shard, n), CancelRequested{})
				for _, ev := range events {
					tryEvent(t, j, ev)
				}
			}
		}
		if _, _, err := Step(j, nil); !errors.Is(err, ErrTransition) {
			t.Fatalf("no event at all: %v", err)
		}
	}
	for _, want := range []string{
		"job ", "job matching", "job dispatched", "job running", "job verifying", "job settling",
		"job done", "job failed", "job cancelled", "job expired",
		"shard queued", "shard offered", "shard funded", "shard running", "shard committed", "shard revealed",
		"shard adjudicating", "shard verified", "shard paid", "shard rejected",
		"attempt offered", "attempt accepted", "attempt running", "attempt committed", "attempt revealing",
		"attempt revealed", "attempt fetched", "attempt ok", "attempt bad", "attempt failed", "attempt cancelled", "attempt settled",
	} {
		if !seen[want] {
			t.Errorf("no job was in state %q", want)
		}
	}
}

func tryEvent(t *testing.T, j Job, ev Event) {
	t.Helper()
	next, effects, err := Step(j, ev)
	if err == nil {
		checkStep(t, j, next, ev, effects)
		return
	}
	var te *TransitionError
	if !errors.As(err, &te) || te.Text == "" {
		t.Fatalf("%s in %s: %v is no TransitionError", ev.name(), j.State, err)
	}
	if effects != nil || !reflect.DeepEqual(bare(next), bare(j)) {
		t.Fatalf("%s in %s: refused, and yet something changed", ev.name(), j.State)
	}
}

// everyState collects the jobs of several lives, step by step.
func everyState(t *testing.T) []Job {
	t.Helper()
	jobs := []Job{{}}
	for _, life := range []struct {
		actors []string // behaviours
		cancel bool
	}{
		{actors: []string{"", "", ""}},
		{actors: []string{"", "", "cheat", "slow"}},
		{actors: []string{"wrong-reveal", "", ""}},
		{actors: []string{"", "cheat"}},
		{actors: []string{"", ""}, cancel: true},
		{actors: []string{"dead"}},
	} {
		s := newSim(t)
		for i, b := range life.actors {
			s.actor(string(rune('a' + i))).behaviour = b
		}
		s.mustStep(submitEvent(testSpec(2, 2, 1000), 2))
		for i := range 800 {
			jobs = append(jobs, s.j)
			if life.cancel && i == 8 {
				s.mustStep(CancelRequested{Now: s.now})
			}
			s.run(time.Nanosecond)
			if s.j.State.Terminal() {
				break
			}
		}
		s.run(time.Hour)
		jobs = append(jobs, s.j)
	}
	return thin(jobs)
}

// thin keeps one job of each combination of states.
func thin(jobs []Job) []Job {
	var out []Job
	seen := map[string]bool{}
	for _, j := range jobs {
		key := string(j.State)
		for _, sh := range j.Shards {
			key += " " + string(sh.State)
			for _, a := range sh.Attempts {
				key += "," + string(a.State)
			}
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, j)
		}
	}
	return out
}

func (s *sim) mustStep(ev Event) {
	s.t.Helper()
	if _, err := s.step(ev); err != nil {
		s.t.Fatal(err)
	}
}
