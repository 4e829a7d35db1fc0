package job

import (
	"fmt"
	"time"
)

// progressed notes a provider's report. Reports may repeat or overtake each
// other; only one that says more than is known changes anything, so that a
// provider cannot push its own deadline out by repeating itself.
func (m *machine) progressed(e Progressed) error {
	sh, a, err := m.find(e.Shard, e.Attempt)
	if err != nil {
		return err
	}
	if !a.State.Busy() {
		return m.refuse(subject(sh.Index, a.N), string(a.State), "it is no longer running")
	}
	t := m.j.Spec.Timeouts
	switch e.State {
	case "accepted", "fetching", "running":
		a.Heard = m.now
	}
	switch e.State {
	case "accepted", "fetching":
		if a.State == AttemptOffered {
			m.set(sh, a, AttemptAccepted, e.State)
			a.Deadline = m.now.Add(t.Fetch + t.Shard + runSlack)
		}
	case ProgressFunding:
		if a.State == AttemptOffered { // not asked yet: it is us that it waits for
			a.Deadline = m.now.Add(offerTimeout)
		}
	case "running":
		if a.State != AttemptRunning {
			m.set(sh, a, AttemptRunning, "")
			a.Began = m.now
			a.Deadline = m.now.Add(t.Shard + runSlack)
		}
	default:
		return m.refuse(subject(sh.Index, a.N), string(a.State), fmt.Sprintf("%.40q is no progress", e.State))
	}
	return nil
}

// committed takes a commit in, and holds the lottery over it.
func (m *machine) committed(e Committed) error {
	sh, a, err := m.find(e.Shard, e.Attempt)
	if err != nil {
		return err
	}
	if a.State.In() && a.Commit.Event == e.Event && a.Commit.C == e.C {
		return nil // sent again after a reconnect
	}
	if !a.State.Busy() {
		return m.refuse(subject(sh.Index, a.N), string(a.State), "a commit is not waited for")
	}
	if e.C == (ID{}) || e.Event == (ID{}) {
		return m.refuse(subject(sh.Index, a.N), string(a.State), "an empty commit")
	}
	a.Commit = Commit{Event: e.Event, C: e.C, Size: e.Size, Units: e.Units, At: m.now}
	a.Heard = m.now
	m.x.addTook(a)
	r, ok := m.checkCommit(sh, e)
	m.x.commit(e.C, slot{sh.Index, a.N})
	if !ok {
		m.fail(sh, a, r, true)
		return nil
	}
	m.set(sh, a, AttemptCommitted, "")
	a.Ended, a.Deadline = m.now, zeroTime
	m.drop(dispatchOf(sh, a))
	m.lottery(sh, a)
	return nil
}

func (m *machine) checkCommit(sh *Shard, e Committed) (Reason, bool) {
	if e.Units != 0 && e.Units != sh.Input.Units {
		return Reason{Code: CodeWrongUnits,
			Text: fmt.Sprintf("it committed to %d units of work, the shard has %d", e.Units, sh.Input.Units)}, false
	}
	if first, again := m.x.commits[e.C]; again {
		return Reason{Code: CodeCopied,
			Text: "its commit is that of " + subject(first.shard, m.j.Shards[first.shard].Attempts[first.attempt].Wire)}, false
	}
	return Reason{}, true
}

// openRound asks for reveals. Of a quorum they wait for the commits of the whole
// round: until then nobody has shown a result, so that nobody could have copied
// one. Elsewhere each is asked for as soon as its commit is in, whether or not it
// was drawn for an audit: whom a reveal waits for would tell its provider, which
// could rather be late than be found wrong. Copies that are still running lost the
// race.
func (m *machine) openRound(sh *Shard) {
	if sh.decided() || sh.dormant() {
		return
	}
	quorum := m.j.Spec.Verify.Mode == VerifyQuorum
	complete := m.complete(sh)
	if quorum && !complete {
		return
	}
	if complete {
		m.cancelBusy(sh)
	}
	var opened []*Attempt
	for k := range sh.Attempts {
		if a := &sh.Attempts[k]; a.State == AttemptCommitted {
			opened = append(opened, a)
		}
	}
	if len(opened) == 0 {
		return
	}
	if quorum {
		m.spot(sh)
	}
	var commits []ID
	for _, a := range opened {
		commits = append(commits, a.Commit.Event)
	}
	for _, a := range opened {
		m.set(sh, a, AttemptRevealing, "")
		a.Deadline = m.now.Add(revealTimeout)
		sees := commits
		if a.Flat {
			// A validator sees its own commit alone, whether it decides a dispute, is
			// probed, or has a place in the round where no provider was left for it.
			sees = []ID{a.Commit.Event}
		}
		m.emit(RequestReveal{Shard: sh.Index, Attempt: a.N, Wire: a.Wire, Provider: a.Provider, Commits: sees})
	}
}

// complete reports whether as many commits are in as results are wanted, but for
// that of a validator of one's own that looks at a quorum beside the others.
func (m *machine) complete(sh *Shard) bool {
	_, in := sh.have()
	need := int(sh.Wanted)
	if sh.Spot == SpotWanted && m.j.Spec.Verify.Mode == VerifyQuorum && !sh.trustedIn() {
		need--
	}
	return in >= need
}

// cancelBusy stops the copies that were too late, and not the validator that only
// was asked when the others were done.
func (m *machine) cancelBusy(sh *Shard) {
	for k := range sh.Attempts {
		if a := &sh.Attempts[k]; a.State.Busy() && !(a.Trusted && sh.Spot == SpotWanted) {
			m.cancel(sh, a, Reason{Code: CodeSuperseded, Text: "another copy of the shard was faster"})
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
