package job

import "fmt"

// end sets the terminal state the job winds down to. The first reason stays; a
// wish to cancel overrules a failure, for it stops more.
func (m *machine) end(s State, r Reason) {
	if m.j.Ending != "" && (s != StateCancelled || m.j.Ending == StateCancelled) {
		return
	}
	m.j.Ending, m.j.Reason = s, r
	m.drop(func(e Effect) bool {
		switch e.(type) {
		case Match, Merge:
			return true
		}
		return false
	})
}

// windDown stops the shards of a job that ends. After a failure, a shard whose
// commits are all in goes on to its verdict: its providers have done their work.
func (m *machine) windDown() {
	if m.j.Ending == "" {
		return
	}
	hard := m.j.Ending != StateFailed || m.now.After(m.j.Deadline)
	for i := range m.j.Shards {
		sh := m.j.Shards[i]
		if sh.decided() {
			continue
		}
		if _, in := sh.live(); !hard && in >= int(sh.Wanted) {
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

// merged keeps the result; the job is done when its payments are, too.
func (m *machine) merged(e Merged) error {
	if m.pending(Merge{}.Key()) == nil {
		return m.refuse("job", string(m.j.State), "no merge was asked for")
	}
	if e.CID == "" {
		return m.refuse("job", string(m.j.State), "a result has a CID")
	}
	m.complete(Merge{}.Key())
	m.j.Result = Result{CID: e.CID, Size: e.Size}
	return nil
}

func (m *machine) mergeFailed(e MergeFailed) error {
	if m.pending(Merge{}.Key()) == nil {
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
		for _, a := range sh.Attempts {
			if a.State == AttemptOK {
				return
			}
		}
		m.setShard(sh, ShardPaid, "")
	case sh.State.Final():
	case sh.Wanted > m.j.Spec.Verify.Replicas:
		m.setShard(sh, ShardAdjudicating, "")
	default:
		m.setShard(sh, progress(sh), "")
	}
}

// progress is how far the attempts of a shard have come. On credit the reserve
// made before the offer is the funding, so that an accepted shard is funded.
func progress(sh *Shard) ShardState {
	count := map[AttemptState]int{}
	for _, a := range sh.Attempts {
		count[a.State]++
	}
	_, in := sh.live()
	open := count[AttemptRevealed] + count[AttemptFetched]
	switch {
	case in >= int(sh.Wanted) && open >= int(sh.Wanted):
		return ShardRevealed
	case in >= int(sh.Wanted):
		return ShardCommitted
	case in+count[AttemptRunning] > 0:
		return ShardRunning
	case count[AttemptAccepted] > 0:
		return ShardFunded
	case count[AttemptOffered] > 0:
		return ShardOffered
	}
	return ShardQueued
}

// deriveJob reads the job's state off its shards, asks for the merge and ends it.
func (m *machine) deriveJob() {
	decided, paying, progressed, committed := true, false, false, true
	for i := range m.j.Shards {
		sh := m.j.Shards[i]
		_, in := sh.live()
		decided = decided && sh.decided()
		paying = paying || sh.State == ShardVerified
		committed = committed && (sh.decided() || in >= int(sh.Wanted))
		for _, a := range sh.Attempts {
			progressed = progressed || a.State != AttemptOffered
		}
	}
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
	case committed:
		m.setJob(StateVerifying, "")
	case progressed:
		m.setJob(StateRunning, "")
	case !m.j.Started.IsZero():
		m.setJob(StateDispatched, "")
	}
}

func (m *machine) askMerge() {
	if m.pending(Merge{}.Key()) != nil || m.j.Result.CID != "" {
		return
	}
	e := Merge{By: m.j.Spec.Merge.By}
	for _, sh := range m.j.Shards {
		e.Roots = append(e.Roots, sh.Result)
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
