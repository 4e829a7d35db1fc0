package job

import (
	"slices"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// holds reports whether the attempt's price is reserved: it may yet be owed.
func (a *Attempt) holds() bool { return a.State.Live() || a.State == AttemptOK }

func (a *Attempt) operator() string { return operatorOf(a.Operator, a.Provider) }

func operatorOf(operator string, p identity.PubKey) string {
	if operator != "" {
		return operator
	}
	return p.Hex()
}

// near reports whether an attempt and a candidate are too close to check each
// other: by one operator, or sharing a subnet or whatever else keeps them apart.
func (a *Attempt) near(c *Candidate) bool {
	return a.same(c) || shares(a.Apart, c.Apart)
}

// same reports whether an attempt is by the candidate, or by its operator.
func (a *Attempt) same(c *Candidate) bool {
	return a.Provider == c.Provider || (a.Operator != "" && a.Operator == c.Operator)
}

func shares(a, b []string) bool {
	for _, k := range a {
		if slices.Contains(b, k) {
			return true
		}
	}
	return false
}

// counts reports whether the attempt is, or may become, one of the results that
// decide its shard.
func (a *Attempt) counts() bool { return a.Vote || (a.State.Live() && !a.Doubt) }

// took is the time from the start of an attempt to its commit.
func (a *Attempt) took() time.Duration { return a.Commit.At.Sub(a.start()) }

// start is when the attempt began to run, or was offered if it has not.
func (a *Attempt) start() time.Time {
	if a.Began.IsZero() {
		return a.Offered
	}
	return a.Began
}

// set moves an attempt and keeps the reserve and the counts in step with it.
func (m *machine) set(sh *Shard, a *Attempt, to AttemptState, why string) {
	held, busy := a.holds(), a.State.Busy()
	m.log(subject(sh.Index, a.N), string(a.State), string(to), why)
	m.x.count(a, -1)
	a.State = to
	m.x.count(a, 1)
	if held && !a.holds() {
		m.j.Reserved = minus(m.j.Reserved, a.Amount)
		m.due = true
	}
	if busy && !a.State.Busy() {
		m.j.NextMatch = zeroTime // a slot came free
		m.due = true
	}
}

// fail ends an attempt without a result.
func (m *machine) fail(sh *Shard, a *Attempt, r Reason, fault bool) {
	wasBusy := a.State.Busy()
	accepted := a.State != AttemptOffered
	a.Blame = Blame(r.Code, m.heard(a))
	if r.Code == CodeOffline {
		fault = false
	}
	m.set(sh, a, AttemptLost, r.Code)
	a.Reason, a.Fault = r, fault
	a.Ended, a.Deadline = m.now, zeroTime
	m.forget(sh, a)
	if fault {
		m.fault(a, r.Code)
	}
	unused := r.Code == CodeRefused || r.Code == CodeFunds // it was never accepted
	if outage(r.Code) || unused {
		m.loseQuote(a.Provider)
	}
	if wasBusy && !unused {
		m.abort(sh, a, r)
	}
	if fault && accepted {
		m.settle(sh, a, VerdictFailed, "", payments.Amount{Unit: a.Amount.Unit}, a.evidence())
	}
	if fault && lie(r.Code) {
		m.catch(a.Provider, r.Code)
	}
}

// heard reports whether the provider gave a sign of life a short time ago.
func (m *machine) heard(a *Attempt) bool {
	return !a.Heard.IsZero() && m.now.Sub(a.Heard) <= heardWithin
}

// cancel stops an attempt that is nobody's fault. A validator that has shown its
// result has done what it is paid for.
func (m *machine) cancel(sh *Shard, a *Attempt, r Reason) {
	if a.Flat && a.State == AttemptFetched && r.Code != CodeExcluded {
		m.pay(sh, a, LabelClaimed)
		return
	}
	m.set(sh, a, AttemptCancelled, r.Code)
	a.Reason, a.Blame = r, Blame(r.Code, false)
	a.Ended, a.Deadline = m.now, zeroTime
	m.forget(sh, a)
	m.abort(sh, a, r)
}

func (m *machine) abort(sh *Shard, a *Attempt, r Reason) {
	m.emit(Abort{Shard: sh.Index, Attempt: a.N, Wire: a.Wire, Provider: a.Provider, Reason: r})
}

// fault counts one against a provider. What one outage broke counts once: an
// attempt offered before the last fault was lost by the same outage.
func (m *machine) fault(a *Attempt, code string) {
	s := m.standing(a.Provider)
	if outage(code) && s.Faults > 0 && !a.Offered.After(s.LastFault) {
		return
	}
	s.Faults++
	s.LastFault = m.now
	if s.Faults >= maxFaults {
		m.exclude(a.Provider, code)
	}
}

// exclude leaves a provider alone for the rest of the job.
func (m *machine) exclude(p identity.PubKey, code string) {
	if s := m.standing(p); !s.Excluded {
		s.Excluded, s.Why = true, code
	}
	m.opts = nil
}

// loseQuote forgets a candidate: it must answer for itself before it is asked again.
func (m *machine) loseQuote(p identity.PubKey) {
	var kept []Candidate
	for _, c := range m.j.Candidates {
		if c.Provider != p {
			kept = append(kept, c)
		}
	}
	m.j.Candidates, m.opts = kept, nil
}

// evidence are the signed documents a verdict on this attempt rests on.
func (a *Attempt) evidence() []ID {
	var ids []ID
	for _, id := range []ID{a.Commit.Event, a.Reveal.Event} {
		if id != (ID{}) {
			ids = append(ids, id)
		}
	}
	return ids
}

// have counts the results that are there or may come, in those whose commit is in.
func (s *Shard) have() (coming, in int) {
	for k := range s.Attempts {
		a := &s.Attempts[k]
		if !a.counts() {
			continue
		}
		coming++
		if a.Vote || a.State.In() {
			in++
		}
	}
	return coming, in
}

// live counts the attempts that can still bring a result, in those with a commit.
func (s *Shard) live() (live, in int) {
	for k := range s.Attempts {
		if s.Attempts[k].State.Live() {
			live++
		}
		if s.Attempts[k].State.In() {
			in++
		}
	}
	return live, in
}

// decided reports whether the shard has a result or never will.
func (s *Shard) decided() bool { return s.State == ShardVerified || s.State.Final() }

// dormant reports whether the shard is a probe that no validator has got: it
// keeps no job from its end.
func (s *Shard) dormant() bool {
	return s.Input.Known != nil && s.Input.Known.Probe && len(s.Attempts) == 0
}
