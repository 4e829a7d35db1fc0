package job

import (
	"container/heap"
	"fmt"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// world answers effects in the order of virtual time. Its providers are honest
// unless lie says otherwise. Nothing is checked on the way: it is for many shards.
type world struct {
	t       testing.TB
	j       Job
	queue   dueHeap
	now     time.Time
	keys    []identity.PubKey
	lie     func(provider int, sh *Shard) string // "" is the truth
	quote   func(provider int, c *Candidate)
	seen    func(Effect)                     // is told of every effect; may be nil
	takes   func(provider int) time.Duration // to compute a shard; nil: a second
	mute    bool                             // comparisons and replays are never answered
	seq     int
	rebuilt int
	steps   int

	revealed time.Time // when the last reveal came
}

type dueHeap []timed

type timed struct {
	at  time.Time
	seq int
	ev  func(now time.Time) Event
}

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Less(i, k int) bool {
	return h[i].at.Before(h[k].at) || h[i].at.Equal(h[k].at) && h[i].seq < h[k].seq
}
func (h dueHeap) Swap(i, k int) { h[i], h[k] = h[k], h[i] }
func (h *dueHeap) Push(x any)   { *h = append(*h, x.(timed)) }
func (h *dueHeap) Pop() any     { o := *h; x := o[len(o)-1]; *h = o[:len(o)-1]; return x }

func emptyWorld(t testing.TB, providers int) *world {
	w := &world{t: t, now: epoch}
	for i := range providers {
		w.keys = append(w.keys, identity.PubKey{byte(i >> 8), byte(i), 1})
	}
	return w
}

func newWorld(t testing.TB, providers int, mode string, shards int) *world {
	w := emptyWorld(t, providers)
	spec := modeSpec(mode, 100*uint64(shards))
	spec.MaxInFlight = 256
	spec.Timeouts.Job = 100 * time.Hour
	w.take(submitEvent(spec, shards))
	return w
}

func (w *world) take(ev Event) {
	if w.j.index == nil || w.j.index.version.Load() != w.j.version {
		w.rebuilt++
	}
	w.steps++
	next, effects, err := Step(w.j, ev)
	if err != nil {
		return // too late, which happens
	}
	w.j = next
	if _, is := ev.(Revealed); is {
		w.revealed = w.j.Updated
	}
	for _, e := range effects {
		if w.seen != nil {
			w.seen(e)
		}
		w.perform(e)
	}
}

func (w *world) after(d time.Duration, ev func(time.Time) Event) {
	w.seq++
	heap.Push(&w.queue, timed{w.now.Add(d), w.seq, ev})
}

func (w *world) next() {
	x := heap.Pop(&w.queue).(timed)
	w.now = x.at
	w.take(x.ev(w.now))
}

func (w *world) run() {
	tick := w.now
	for !w.j.State.Terminal() {
		if len(w.queue) == 0 || w.now.Sub(tick) > time.Second {
			tick = w.now
			w.now = w.now.Add(time.Millisecond)
			w.take(Tick{Now: w.now})
			continue
		}
		w.next()
	}
}

// root is what a provider says the result of a shard is.
func (w *world) root(shard uint32, p identity.PubKey) string {
	sh := w.j.Shards[shard]
	if w.lie != nil {
		if l := w.lie(int(p[0])<<8|int(p[1]), sh); l != "" {
			return "lie-" + l
		}
	}
	return strings.Replace(sh.Input.CID, "in", "root", 1)
}

// wrong counts the shards whose accepted result is a lie.
func (w *world) wrong() int {
	n := 0
	for _, sh := range w.j.Shards {
		if sh.decided() && strings.HasPrefix(sh.Result, "lie") {
			n++
		}
	}
	return n
}

// earned is what a provider was paid.
func (w *world) earned(provider int) (paid uint64) {
	for _, p := range w.j.Summary().Providers {
		if p.Provider == w.keys[provider] {
			paid = p.Paid.Value
		}
	}
	return paid
}

func groupsOf(attempts []uint32, roots []string) (groups [][]uint32) {
	at := map[string]int{}
	for i, n := range attempts {
		k, seen := at[roots[i]]
		if !seen {
			k = len(groups)
			at[roots[i]], groups = k, append(groups, nil)
		}
		groups[k] = append(groups[k], n)
	}
	return groups
}

func (w *world) perform(e Effect) {
	const quick = 10 * time.Millisecond
	switch e := e.(type) {
	case Match:
		w.after(quick, func(now time.Time) Event {
			ev := Matched{Now: now}
			for i, k := range w.keys {
				c := Candidate{
					Provider: k, Quote: ID{1}, Class: "x", Slots: 8, Rank: 1, Apart: []string{fmt.Sprint(i)},
					Rate: payments.Rate{PerUnit: 1, Unit: payments.Credits},
				}
				if w.quote != nil {
					w.quote(i, &c)
				}
				ev.Candidates = append(ev.Candidates, c)
			}
			return ev
		})
	case Dispatch:
		w.after(quick, func(now time.Time) Event {
			return Progressed{Shard: e.Shard, Attempt: e.Attempt, State: "running", Now: now}
		})
		took := 100 * quick
		if w.takes != nil {
			took = w.takes(int(e.Provider[0])<<8 | int(e.Provider[1]))
		}
		w.after(took, func(now time.Time) Event {
			c := wire.CommitHash(w.j.ID, e.Shard, e.Wire, e.Provider, w.root(e.Shard, e.Provider), 50, ID{7})
			return Committed{Shard: e.Shard, Attempt: e.Attempt, Event: c, C: c, Size: 50, Now: now}
		})
	case RequestReveal:
		w.after(quick, func(now time.Time) Event {
			return Revealed{Shard: e.Shard, Attempt: e.Attempt, Event: ID{4}, Root: w.root(e.Shard, e.Provider), Size: 50, Nonce: ID{7}, Now: now}
		})
	case Fetch:
		w.after(quick, func(now time.Time) Event {
			return Fetched{Shard: e.Shard, Attempt: e.Attempt, Root: e.Root, Size: e.Size, Now: now}
		})
	case Compare:
		if w.mute {
			return
		}
		w.after(quick, func(now time.Time) Event {
			return Compared{Shard: e.Shard, Groups: groupsOf(e.Attempts, e.Roots), Now: now}
		})
	case Audit:
		if w.mute {
			return
		}
		answer := AnswerMatch
		if strings.HasPrefix(e.Root, "lie") {
			answer = AnswerMismatch
		}
		w.after(quick, func(now time.Time) Event {
			return Audited{Shard: e.Shard, Attempt: e.Attempt, Try: e.Try, Answer: answer, Now: now}
		})
	case Settle:
		w.after(quick, func(now time.Time) Event {
			return Settled{Shard: e.Shard, Attempt: e.Attempt, PayRef: "p", Receipt: ID{1}, Now: now}
		})
	case Merge:
		w.after(quick, func(now time.Time) Event { return Merged{CID: "m", Size: 1, Now: now} })
	case Abort, Finish:
		w.after(quick, func(now time.Time) Event { return Acked{Key: e.Key(), Now: now} })
	}
}
