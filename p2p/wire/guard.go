package wire

import (
	"container/heap"
	"fmt"
	"strconv"
	"sync"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// Skew is how far a document's date may be from our clock, either way.
const Skew = 120 * time.Second

// authorShare is the part of a Guard that one author may fill, as a divisor: a
// single stranger cannot make it turn everyone else away.
const authorShare = 8

// Guard takes each document in once, and only while it is fresh. It remembers
// an id for as long as its document would be fresh, and no more than max of
// them. It is safe for concurrent use.
type Guard struct {
	max int

	mu     sync.Mutex
	seen   map[ID]struct{}
	author map[identity.PubKey]int
	queue  guardQueue
}

// NewGuard returns a Guard that remembers at most max ids, about 200 bytes
// each; max is raised to 8.
func NewGuard(max int) *Guard {
	if max < authorShare {
		max = authorShare
	}
	return &Guard{max: max, seen: map[ID]struct{}{}, author: map[identity.PubKey]int{}}
}

// Check takes a verified document in. It fails with ErrStale, ErrFuture or
// ErrExpired for one out of time, ErrReplay for one taken in before, and
// ErrGuardFull when there is no room to remember it: taking it in unremembered
// would let it be replayed. Answers kept and sent again later do not go
// through a Guard: what they answer names them.
func (g *Guard) Check(e Event, now time.Time) error {
	if err := checkTime(e, now); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget(now.Unix())
	if _, ok := g.seen[e.ID]; ok {
		return ErrReplay
	}
	if len(g.seen) >= g.max || g.author[e.PubKey] >= g.max/authorShare {
		return ErrGuardFull
	}
	g.seen[e.ID] = struct{}{}
	g.author[e.PubKey]++
	heap.Push(&g.queue, remembered{e.CreatedAt, e.ID, e.PubKey})
	return nil
}

// Len returns how many ids are remembered.
func (g *Guard) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.seen)
}

func checkTime(e Event, now time.Time) error {
	age := now.Unix() - e.CreatedAt
	if limit := int64(Skew / time.Second); age > limit {
		return fmt.Errorf("%w: by %d s", ErrStale, age-limit)
	} else if age < -limit {
		return fmt.Errorf("%w: by %d s", ErrFuture, -age-limit)
	}
	s, ok := e.Tag(tagExpiration)
	if !ok {
		return nil
	}
	until, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: tag %s: not a time", ErrInvalid, tagExpiration)
	}
	if now.Unix() > until {
		return ErrExpired
	}
	return nil
}

// forget drops the ids of documents that checkTime now calls stale.
func (g *Guard) forget(now int64) {
	for len(g.queue) > 0 && now-g.queue[0].created > int64(Skew/time.Second) {
		old := heap.Pop(&g.queue).(remembered)
		delete(g.seen, old.id)
		if g.author[old.author]--; g.author[old.author] == 0 {
			delete(g.author, old.author)
		}
	}
}

type remembered struct {
	created int64
	id      ID
	author  identity.PubKey
}

// guardQueue is a heap with the oldest document first.
type guardQueue []remembered

func (q guardQueue) Len() int           { return len(q) }
func (q guardQueue) Less(i, j int) bool { return q[i].created < q[j].created }
func (q guardQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *guardQueue) Push(x any)        { *q = append(*q, x.(remembered)) }
func (q *guardQueue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
}
