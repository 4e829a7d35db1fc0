package job

import (
	"fmt"
	"slices"
	"time"
)

// tick is the passing of time.
func (m *machine) tick() {
	m.expire()
	m.lateAttempts()
	m.retrySettlements()
	m.stragglers()
}

// expire ends a job whose time is over. A job whose shards are all decided is
// given a little longer for its payments and its merge.
func (m *machine) expire() {
	if !m.now.After(m.j.Deadline) || m.j.Ending != "" {
		return
	}
	decided := true
	for _, sh := range m.j.Shards {
		decided = decided && sh.decided()
	}
	if !decided {
		m.end(StateExpired, m.expiredReason())
		return
	}
	if m.pending(Merge{}.Key()) != nil && m.now.After(m.j.Deadline.Add(maxMergeOverstay)) {
		m.end(StateFailed, Reason{Code: CodeMerge, Text: "the results could not be put together in time"})
	}
}

func (m *machine) expiredReason() Reason {
	left := 0
	for _, sh := range m.j.Shards {
		if !sh.decided() {
			left++
		}
	}
	r := Reason{
		Code: CodeTimeout,
		Text: fmt.Sprintf("%d of %d shards were not done within %s", left, len(m.j.Shards), m.j.Spec.Timeouts.Job),
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
		sh := m.j.Shards[i]
		for k := range sh.Attempts {
			a := &sh.Attempts[k]
			if !a.State.Live() || a.Deadline.IsZero() || !m.now.After(a.Deadline) {
				continue
			}
			m.fail(sh, a, lateReason(a.State), true)
		}
	}
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
// running then is stopped and not paid.
func (m *machine) stragglers() {
	usual, ok := m.median()
	if !ok || m.j.Ending != "" {
		return
	}
	limit := max(stragglerFactor*usual, stragglerFloor)
	m.countBusy()
	for i := range m.j.Shards {
		sh := m.j.Shards[i]
		live, _ := sh.live()
		if sh.decided() || live != int(sh.Wanted) || sh.spent() >= m.j.Spec.MaxAttempts() {
			continue // short of attempts, or has its copy already
		}
		slow := slices.ContainsFunc(sh.Attempts, func(a Attempt) bool {
			return a.State.Busy() && m.now.Sub(a.start()) > limit
		})
		if !slow || m.inFlight() >= uint64(m.j.Spec.MaxInFlight) {
			continue
		}
		if c, ok, _ := m.pick(sh, m.eligible(sh)); ok {
			m.offer(sh, c, true)
		}
	}
}

// median is the usual time from the start of an attempt to its commit.
func (m *machine) median() (time.Duration, bool) {
	var took []time.Duration
	for _, sh := range m.j.Shards {
		for _, a := range sh.Attempts {
			if a.Commit.Event != (ID{}) {
				took = append(took, a.Commit.At.Sub(a.start()))
			}
		}
	}
	if len(took) == 0 {
		return 0, false
	}
	slices.Sort(took)
	return took[len(took)/2], true
}

// start is when the attempt began to run, or was offered if it has not.
func (a Attempt) start() time.Time {
	if a.Began.IsZero() {
		return a.Offered
	}
	return a.Began
}

// resumed moves the deadlines of attempts by the time this node was away: the
// providers went on working and could not tell anybody.
func (m *machine) resumed() {
	away := m.now.Sub(m.j.Updated)
	for i := range m.j.Shards {
		for k := range m.j.Shards[i].Attempts {
			if a := &m.j.Shards[i].Attempts[k]; a.State.Live() && !a.Deadline.IsZero() {
				a.Deadline = a.Deadline.Add(away)
			}
		}
	}
}
