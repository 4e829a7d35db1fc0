package engine

import "container/list"

// waiter is one request that waits for a slot.
type waiter struct {
	tenant string
	// got receives the slot or the error, once, after the waiter left the
	// queue. It has room for one, so that nobody waits for who waits.
	got chan grant
	at  *list.Element // in its tenant's line
}

type grant struct {
	slot *Slot
	err  error
}

// queue holds waiters: tenants take turns, each in its own order. The zero
// value is empty. It is not safe for use by several at once.
type queue struct {
	lines map[string]*line
	turns list.List // of *line; the front is next
	n     int
}

type line struct {
	waiters list.List // of *waiter
	turn    *list.Element
}

// len is how many wait; of is how many of one tenant.
func (q *queue) len() int { return q.n }

func (q *queue) of(tenant string) int {
	if l := q.lines[tenant]; l != nil {
		return l.waiters.Len()
	}
	return 0
}

func (q *queue) push(w *waiter) {
	l := q.lines[w.tenant]
	if l == nil {
		if q.lines == nil {
			q.lines = map[string]*line{}
		}
		l = &line{}
		l.turn = q.turns.PushBack(l)
		q.lines[w.tenant] = l
	}
	w.at = l.waiters.PushBack(w)
	q.n++
}

// pop takes the first waiter of the tenant whose turn it is; nil when nobody
// waits. The tenant goes to the end of the line.
func (q *queue) pop() *waiter {
	front := q.turns.Front()
	if front == nil {
		return nil
	}
	l := front.Value.(*line)
	w := l.waiters.Front().Value.(*waiter)
	q.turns.MoveToBack(front)
	q.remove(w)
	return w
}

// remove takes out a waiter that gave up, and says whether it was there.
func (q *queue) remove(w *waiter) bool {
	if w.at == nil {
		return false
	}
	l := q.lines[w.tenant]
	l.waiters.Remove(w.at)
	w.at = nil
	q.n--
	if l.waiters.Len() == 0 {
		q.turns.Remove(l.turn)
		delete(q.lines, w.tenant)
	}
	return true
}
