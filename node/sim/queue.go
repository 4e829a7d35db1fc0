package sim

import (
	"container/heap"
	"time"
)

// event is something that will happen. Events of the same moment happen in the
// order in which they were planned, so that a world has one course only.
type event struct {
	at  time.Time
	seq uint64
	do  func() error
}

type queue []event

func (q queue) Len() int           { return len(q) }
func (q queue) Swap(i, k int)      { q[i], q[k] = q[k], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(event)) }
func (q queue) Less(i, k int) bool { return q[i].before(q[k]) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = event{}
	*q = (*q)[:last]
	return e
}

func (e event) before(o event) bool {
	if !e.at.Equal(o.at) {
		return e.at.Before(o.at)
	}
	return e.seq < o.seq
}

// clock is virtual time: it stands still while something happens and jumps to
// what happens next.
type clock struct {
	now  time.Time
	seq  uint64
	plan queue
}

// after plans do for d from now.
func (c *clock) after(d time.Duration, do func() error) {
	c.seq++
	heap.Push(&c.plan, event{at: c.now.Add(max(d, 0)), seq: c.seq, do: do})
}

// next carries the next event out; false when nothing is planned.
func (c *clock) next() (bool, error) {
	if len(c.plan) == 0 {
		return false, nil
	}
	e := heap.Pop(&c.plan).(event)
	c.now = e.at
	return true, e.do()
}
