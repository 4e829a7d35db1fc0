package job

import "fmt"

// end sets the terminal state the job winds down to. The first reason stays; a
// wish to cancel overrules a failure, for it stops more.
func (m *machine) end(s State, r Reason) {
	if m.j.Ending != "" && (s != StateCancelled || m.j.Ending == StateCancelled) {
		return
	}
	m.j.Ending, m.j.Reason = s, r
	m.drop(func(e Effect) bool { return isMatch(e) || isMerge(e) })
}

// windDown stops the shards of a job that ends. After a failure, a shard whose
// commits are all in goes on to its verdict: its providers have done their work.
func (m *machine) windDown() {
	if m.j.Ending == "" {
		return
	}
	hard := m.j.Ending != StateFailed || m.now.After(m.j.Deadline)
	for i, sh := range m.j.Shards {
		if sh.decided() || sh.dormant() {
			continue
		}
		if _, in := sh.have(); !hard && in >= int(sh.Wanted) {
			continue
		}
		sh = m.own(uint32(i))
		if a := m.shown(sh); a != nil {
			m.believe(sh, a)
			continue
		}
		r := Reason{Code: CodeCancelled, Text: "the job is " + string(m.j.Ending) + ": " + m.j.Reason.Text}
		for k := range sh.Attempts {
			if a := &sh.Attempts[k]; a.State.Live() {
				m.cancel(sh, a, r)
			}
		}
		sh.Reason = r
		m.setShard(sh, ShardRejected, r.Code)
	}
}

// shown is the one result that was delivered and waits only because it was drawn
// for an audit: it is owed as if it had not been. What others compute for it is
// not waited for. Nil where there is none, or somebody says that it is wrong.
func (m *machine) shown(sh *Shard) (one *Attempt) {
	if !m.j.Spec.Verify.Lottery() || sh.Input.Known != nil || sh.Disputed || sh.Reopened {
		return nil
	}
	for k := range sh.Attempts {
		a := &sh.Attempts[k]
		if a.State != AttemptFetched {
			continue
		}
		if one != nil || a.Doubt || a.Vote || len(a.Answers) > 0 || m.caught(a.Provider) {
			return nil
		}
		one = a
	}
	for k := range sh.Attempts {
		if a := &sh.Attempts[k]; one != nil && a != one && a.State.Live() {
			m.cancel(sh, a, Reason{Code: CodeCancelled, Text: "the job is " + string(m.j.Ending) + ": " + m.j.Reason.Text})
		}
	}
	if one != nil {
		m.drop(auditOf(sh, one))
	}
	return one
}

// merged keeps the result; the job is done when its payments are, too.
func (m *machine) merged(e Merged) error {
	if m.pending(isMerge) == nil {
		return m.refuse("job", string(m.j.State), "no merge was asked for")
	}
	if e.CID == "" {
		return m.refuse("job", string(m.j.State), "a result has a CID")
	}
	m.drop(isMerge)
	m.j.Result = Result{CID: e.CID, Size: e.Size}
	return nil
}

func (m *machine) mergeFailed(e MergeFailed) error {
	if m.pending(isMerge) == nil {
		return m.refuse("job", string(m.j.State), "no merge was asked for")
	}
	m.end(StateFailed, Reason{
		Code: CodeMerge, Text: e.Text,
		Hint: "the shards' results are kept; merge: {by: none} gives them as they are",
	})
	return nil
}

// finish makes the job terminal. What stays in the outbox are messages that
// start nothing: aborts, verdicts without payment and the end itself.
func (m *machine) finish(s State) {
	m.setJob(s, m.j.Reason.Code)
	m.j.Ended = m.now
	if s == StateDone {
		m.j.Reason = Reason{}
	}
	m.drop(func(e Effect) bool {
		switch e.(type) {
		case Abort, Settle:
			return false
		}
		return true
	})
	m.emit(Finish{State: s})
}

// deriveShard reads the state of an undecided shard off its attempts.
func (m *machine) deriveShard(sh *Shard) {
	switch {
	case sh.State == ShardVerified:
		for k := range sh.Attempts {
			if sh.Attempts[k].State == AttemptOK {
				return
			}
		}
		m.setShard(sh, ShardPaid, "")
	case sh.State.Final():
	case sh.Disputed:
		m.setShard(sh, ShardAdjudicating, "")
	default:
		m.setShard(sh, progress(sh), "")
	}
}

// progress is how far the attempts of a shard have come. On credit the reserve
// made before the offer is the funding, so that an accepted shard is funded.
func progress(sh *Shard) ShardState {
	var open, running, accepted, offered int
	for k := range sh.Attempts {
		a := &sh.Attempts[k]
		switch {
		case a.Vote:
			open++
		case a.Doubt:
		case a.State == AttemptRevealed || a.State == AttemptFetched:
			open++
		case a.State == AttemptRunning:
			running++
		case a.State == AttemptAccepted:
			accepted++
		case a.State == AttemptOffered:
			offered++
		}
	}
	_, in := sh.have()
	switch {
	case in >= int(sh.Wanted) && open >= int(sh.Wanted):
		return ShardRevealed
	case in >= int(sh.Wanted):
		return ShardCommitted
	case in+running > 0:
		return ShardRunning
	case accepted > 0:
		return ShardFunded
	case offered > 0:
		return ShardOffered
	}
	return ShardQueued
}

// deriveJob reads the job's state off its shards, asks for the merge and ends it.
func (m *machine) deriveJob() {
	decided, paying := m.x.undecided == 0, m.x.paying > 0
	switch {
	case decided && m.j.Ending != "" && !paying:
		m.finish(m.j.Ending)
	case decided && m.j.Result.CID != "" && !paying:
		m.finish(StateDone)
	case m.j.Ending != "" || decided:
		m.setJob(StateSettling, m.j.Reason.Code)
		if m.j.Ending == "" {
			m.askMerge()
		}
	case m.x.uncommitted == 0:
		m.setJob(StateVerifying, "")
	case m.x.progressed:
		m.setJob(StateRunning, "")
	case !m.j.Started.IsZero():
		m.setJob(StateDispatched, "")
	}
}

func (m *machine) askMerge() {
	if m.j.Result.CID != "" || m.pending(isMerge) != nil {
		return
	}
	e := Merge{By: m.j.Spec.Merge.By}
	for _, sh := range m.j.Shards {
		if sh.Input.Known == nil {
			e.Roots = append(e.Roots, sh.Result)
		}
	}
	m.emit(e)
}

func (m *machine) setShard(sh *Shard, to ShardState, why string) {
	if sh.State != to {
		m.log(fmt.Sprintf("shard %d", sh.Index), string(sh.State), string(to), why)
		sh.State = to
	}
}

func (m *machine) setJob(to State, why string) {
	if m.j.State != to {
		m.log("job", string(m.j.State), string(to), why)
		m.j.State = to
	}
}
