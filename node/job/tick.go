package job

import (
	"fmt"
	"time"
)

// tick is the passing of time.
func (m *machine) tick(e Tick) {
	m.due, m.opts = true, nil
	m.expire()
	m.offline(e.Offline)
	if !e.Offline {
		m.lateAttempts()
		m.stragglers()
	}
	m.retrySettlements()
}

// offline stops the clocks of the attempts while this node has no network: their
// providers may be working and cannot tell anybody.
func (m *machine) offline(now bool) {
	if !m.j.Offline.IsZero() {
		m.postpone(m.now.Sub(m.j.Offline))
	}
	m.j.Offline = zeroTime
	if now {
		m.j.Offline = m.now
	}
}

// expire ends a job whose time is over. A job whose shards are all decided is
// given a little longer for its payments and its merge.
func (m *machine) expire() {
	if !m.now.After(m.j.Deadline) || m.j.Ending != "" {
		return
	}
	if m.x.undecided > 0 {
		m.end(StateExpired, m.expiredReason())
		return
	}
	if m.pending(isMerge) != nil && m.now.After(m.j.Deadline.Add(maxMergeOverstay)) {
		m.end(StateFailed, Reason{Code: CodeMerge, Text: "the results could not be put together in time"})
	}
}

func (m *machine) expiredReason() Reason {
	left, all := 0, 0
	for _, sh := range m.j.Shards {
		if sh.Input.Known != nil {
			continue
		}
		if all++; !sh.decided() {
			left++
		}
	}
	r := Reason{
		Code: CodeTimeout,
		Text: fmt.Sprintf("%d of %d shards were not done within %s", left, all, m.j.Spec.Timeouts.Job),
		Hint: "raise timeouts.job",
	}
	if m.j.Reason.Code == CodeNoProvider {
		r.Text, r.Hint = r.Text+"; "+m.j.Reason.Text, m.j.Reason.Hint
	}
	return r
}

// lateAttempts fails what is past its deadline.
func (m *machine) lateAttempts() {
	for i := range m.j.Shards {
		for k := range m.j.Shards[i].Attempts {
			if m.j.Shards[i].Attempts[k].late(m.now) {
				sh := m.own(uint32(i))
				a := &sh.Attempts[k]
				m.fail(sh, a, lateReason(a.State), true)
			}
		}
	}
}

func (a *Attempt) late(now time.Time) bool {
	return a.State.Live() && !a.Deadline.IsZero() && now.After(a.Deadline)
}

func lateReason(s AttemptState) Reason {
	switch s {
	case AttemptOffered:
		return Reason{Code: CodeNever, Text: "it did not answer the offer"}
	case AttemptRevealing:
		return Reason{Code: CodeNoReveal, Text: "it committed and did not reveal in time"}
	case AttemptRevealed:
		return Reason{Code: CodeNotFetched, Text: "it revealed and did not deliver its result in time"}
	}
	return Reason{Code: CodeLate, Text: "it did not commit in time", Hint: "raise timeouts.shard or make split.size smaller"}
}

// stragglers gives a second copy of a shard to a spare provider when an attempt
// runs much longer than others needed. The first to commit count; who is still
// running then is stopped and not paid. Validators do not run for a bet: they are
// paid for what they are asked to compute.
func (m *machine) stragglers() {
	if m.j.Ending != "" {
		return
	}
	usual, ok := m.x.usual()
	if !ok {
		return
	}
	limit := max(stragglerFactor*usual, stragglerFloor)
	for i, sh := range m.j.Shards {
		if m.x.bits[i]&bitUndecided == 0 || !sh.slow(m.now, limit) {
			continue
		}
		live, _ := sh.live()
		if coming, _ := sh.have(); coming != int(sh.Wanted) || live == 0 || sh.spent() >= m.j.Spec.MaxAttempts() {
			continue // short of attempts, or has its copy already
		}
		if m.x.inFlight >= uint64(m.j.Spec.MaxInFlight) {
			return
		}
		if o, ok, _ := m.pick(sh, m.eligible(sh)); ok && !o.Validator {
			m.offer(m.own(uint32(i)), o, true)
		}
	}
}

// slow reports whether somebody runs the shard for longer than limit.
func (s *Shard) slow(now time.Time, limit time.Duration) bool {
	for k := range s.Attempts {
		if a := &s.Attempts[k]; a.State.Busy() && now.Sub(a.start()) > limit {
			return true
		}
	}
	return false
}

// resumed moves the deadlines of attempts by the time this node was away: the
// providers went on working and could not tell anybody.
func (m *machine) resumed() {
	m.due, m.opts = true, nil
	m.postpone(m.now.Sub(m.j.Updated))
	if !m.j.Offline.IsZero() {
		m.j.Offline = m.now
	}
}

func (m *machine) postpone(away time.Duration) {
	if away <= 0 {
		return
	}
	for i, sh := range m.j.Shards {
		for k := range sh.Attempts {
			if a := &sh.Attempts[k]; a.State.Live() && !a.Deadline.IsZero() {
				a = &m.own(uint32(i)).Attempts[k]
				a.Deadline = a.Deadline.Add(away)
			}
		}
	}
}
