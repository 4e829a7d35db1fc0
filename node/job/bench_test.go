package job

import (
	"testing"
	"time"
)

// BenchmarkStep is one tick of a job of a thousand shards half way through.
func BenchmarkStep(b *testing.B) {
	s := newSim(b)
	for _, name := range []string{"a", "b", "c", "d"} {
		s.actor(name).slots = 16
	}
	ev := submitEvent(testSpec(2, 2, 1_000_000), 1000)
	j, effects, err := Step(Job{}, ev)
	for err == nil && len(j.Log) < MaxLog {
		for _, e := range effects {
			s.j = j
			s.perform(e)
		}
		next := s.queue[0]
		s.queue, s.now = s.queue[1:], next.at
		j, effects, err = Step(j, s.stamped(next.ev))
	}
	if err != nil {
		b.Fatal(err)
	}
	now := j.Updated
	for b.Loop() {
		now = now.Add(time.Microsecond)
		if j, _, err = Step(j, Tick{Now: now}); err != nil {
			b.Fatal(err)
		}
	}
}
