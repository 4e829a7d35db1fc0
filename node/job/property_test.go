package job

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var behaviours = []string{"", "", "", "cheat", "dead", "silent", "slow", "wrong-reveal", "wrong-size", "copy", "refuse", "no-reveal", "task", "sometimes", "ring", "ring", "vague"}

var modes = []string{VerifyQuorum, VerifyQuorum, VerifyAdaptive, VerifyAdaptive, VerifySample, VerifyCanary, VerifyReplay, VerifyNone}

// TestAnyOrderKeepsTheInvariants drives jobs with what providers, the rail, the
// clock and strangers may do in any order; every step is checked.
func TestAnyOrderKeepsTheInvariants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		s := newSim(r)
		s.now = epoch
		for i := range rapid.IntRange(0, 6).Draw(r, "providers") {
			a := s.actor(string(rune('a' + i)))
			a.class = rapid.SampledFrom([]string{"x", "x", "y"}).Draw(r, "class")
			a.slots = rapid.Uint32Range(1, 3).Draw(r, "slots")
			a.price = rapid.Uint64Range(0, 3).Draw(r, "price")
			a.behaviour = rapid.SampledFrom(behaviours).Draw(r, "behaviour")
			a.operator = rapid.SampledFrom([]string{"", "", "one"}).Draw(r, "operator")
			a.apart = rapid.SampledFrom([][]string{nil, nil, {"net"}, {"net", "as"}, {"as"}}).Draw(r, "apart")
			a.rank = rapid.SampledFrom([]float64{0, 1, 1.2, 3}).Draw(r, "rank")
			a.credit = rapid.Uint64Range(0, 100).Draw(r, "credit")
			a.fresh = rapid.Bool().Draw(r, "new")
			a.track.Valid = rapid.SampledFrom([]uint32{0, 9, 10, 40, 1000}).Draw(r, "valid")
			role := rapid.IntRange(0, 9).Draw(r, "role")
			a.validator, a.trusted = role < 3, role < 2
		}
		replicas := rapid.Uint32Range(0, 3).Draw(r, "replicas")
		budget := rapid.Uint64Range(0, 300).Draw(r, "budget")
		spec := testSpec(replicas, replicas/2+1, budget)
		if mode := rapid.SampledFrom(modes).Draw(r, "mode"); mode != VerifyQuorum {
			spec = modeSpec(mode, budget)
		}
		spec.MaxInFlight = rapid.Uint32Range(1, 8).Draw(r, "in flight")
		e := withKnown(submitEvent(spec, rapid.IntRange(1, 4).Draw(r, "shards")), rapid.IntRange(0, 2).Draw(r, "canaries"), false, "one")
		if _, err := s.step(withKnown(e, rapid.IntRange(0, 1).Draw(r, "probes"), true)); err != nil {
			r.Fatal(err)
		}
		var queue []due
		for range rapid.IntRange(0, 60).Draw(r, "steps") {
			queue = s.disturb(r, queue)
		}
		s.queue = nil
		s.rail = ""
		s.run(30 * time.Minute)
		if !s.j.State.Terminal() {
			r.Fatalf("the job is still %s: %v", s.j.State, Explain(s.j))
		}
	})
}

// disturb does one thing that may happen.
func (s *sim) disturb(r *rapid.T, queue []due) []due {
	var ev Event
	switch rapid.IntRange(0, 9).Draw(r, "what") {
	case 0:
		s.now = s.now.Add(time.Duration(rapid.Int64Range(0, 40_000).Draw(r, "ms")) * time.Millisecond)
		ev = Tick{Now: s.now}
	case 1:
		ev = s.anything(r)
	case 2:
		s.j = jsonCopy(s.t, s.j)
		ev = Resumed{Now: s.now}
	case 3:
		s.rail = rapid.SampledFrom([]string{"", "unknown", "refuse"}).Draw(r, "rail")
		if len(s.actors) > 0 {
			rapid.SampledFrom(s.actors).Draw(r, "who").behaviour = rapid.SampledFrom(behaviours).Draw(r, "behaviour")
		}
		return queue
	case 4, 5:
		if pending := s.j.Pending(); len(pending) > 0 { // carried out, perhaps again
			s.perform(rapid.SampledFrom(pending).Draw(r, "effect"))
			queue = append(queue, s.queue...)
			s.queue = nil
		}
		return queue
	default:
		if len(queue) == 0 {
			return queue
		}
		i := rapid.IntRange(0, len(queue)-1).Draw(r, "event")
		ev = queue[i].ev
		queue = slices.Delete(queue, i, i+1)
		if c, ok := ev.(Committed); ok && !s.exists(c.Shard, c.Attempt) {
			return queue
		}
	}
	effects, _ := s.step(s.stamped(ev))
	for _, e := range effects {
		if rapid.IntRange(0, 3).Draw(r, "carried out") > 0 {
			s.perform(e)
		}
	}
	queue = append(queue, s.queue...)
	s.queue = nil
	return queue
}

func (s *sim) exists(shard, n uint32) bool {
	return int(shard) < len(s.j.Shards) && int(n) < len(s.j.Shards[shard].Attempts)
}

// anything is an event nobody asked for.
func (s *sim) anything(r *rapid.T) Event {
	shard, n := rapid.Uint32Range(0, 5).Draw(r, "shard"), rapid.Uint32Range(0, 5).Draw(r, "attempt")
	all := strangerEvents(shard, n)
	if rapid.IntRange(0, 20).Draw(r, "cancel") == 0 {
		return CancelRequested{Reason: "no longer wanted"}
	}
	return rapid.SampledFrom(all).Draw(r, "stranger")
}

// strangerEvents is one or more of every kind of event, well formed and not.
func strangerEvents(shard, n uint32) []Event {
	const far = 1<<32 - 1
	return []Event{
		Submit{}, submitEvent(testSpec(2, 2, 100), 2),
		Matched{}, Matched{Candidates: []Candidate{{}, {Slots: far}}},
		Progressed{Shard: shard, Attempt: n, State: "running"}, Progressed{Shard: shard, Attempt: n, State: "\x00"},
		Progressed{Shard: far, Attempt: far, State: "accepted"},
		Committed{Shard: shard, Attempt: n, Event: ID{1}, C: ID{1}}, Committed{Shard: far, Event: ID{1}, C: ID{1}},
		Committed{Shard: shard, Attempt: n, Event: ID{8}, C: ID{8}, Units: 1 << 63, Size: 1 << 63},
		Revealed{Shard: shard, Attempt: n, Root: "x", Size: 1}, Revealed{Shard: far, Attempt: far},
		Fetched{Shard: shard, Attempt: n}, Fetched{Shard: shard, Attempt: n, Root: "root0", Size: 51},
		AttemptFailed{Shard: shard, Attempt: n}, AttemptFailed{Shard: shard, Attempt: n, Code: CodeLate, Fault: true},
		AttemptFailed{Shard: shard, Attempt: n, Code: CodeMismatch, Fault: true},
		AttemptFailed{Shard: shard, Attempt: n, Code: CodeFunds},
		Compared{Shard: shard}, Compared{Shard: far}, Compared{Shard: shard, Groups: [][]uint32{{0, 0}, {far}, {}}},
		Compared{Shard: shard, Groups: [][]uint32{{0, 1}}}, Compared{Shard: shard, Inconclusive: true},
		Audited{Shard: shard, Attempt: n, Try: 1, Answer: AnswerMismatch}, Audited{Shard: far, Attempt: far}, Audited{Shard: shard, Attempt: n, Answer: "maybe"},
		Compared{Shard: shard, Unsure: []uint32{0, 1}}, Compared{Shard: shard, Groups: [][]uint32{{KnownAnswer, 0}}, Unsure: []uint32{0}},
		Tick{Offline: true}, Tick{Offline: true, Now: epoch.Add(time.Hour)},
		Settled{Shard: shard, Attempt: n}, Settled{Shard: far, Attempt: far},
		SettleFailed{Shard: shard, Attempt: n, Certain: Unknown}, SettleFailed{Shard: shard, Attempt: n, Certain: "perhaps"},
		Merged{}, MergeFailed{Text: "disk full"}, Tick{}, Tick{Now: epoch.Add(time.Hour)}, Resumed{}, Resumed{Now: epoch.Add(time.Hour)},
		Acked{}, Acked{Key: "finish"}, Acked{Key: "settle/0/0"},
	}
}
