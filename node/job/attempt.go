package job

import (
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// holds reports whether the attempt's price is reserved: it may yet be owed.
func (a Attempt) holds() bool { return a.State.Live() || a.State == AttemptOK }

func (a Attempt) operator() string { return operatorOf(a.Operator, a.Provider) }

func operatorOf(operator string, p identity.PubKey) string {
	if operator != "" {
		return operator
	}
	return p.Hex()
}

// set moves an attempt and keeps the reserve in step with it.
func (m *machine) set(sh *Shard, a *Attempt, to AttemptState, why string) {
	held := a.holds()
	m.log(subject(sh.Index, a.N), string(a.State), string(to), why)
	a.State = to
	if held && !a.holds() {
		m.j.Reserved = minus(m.j.Reserved, a.Amount)
	}
}

// fail ends an attempt without a result.
func (m *machine) fail(sh *Shard, a *Attempt, r Reason, fault bool) {
	wasBusy := a.State.Busy()
	accepted := a.State != AttemptOffered
	m.set(sh, a, AttemptLost, r.Code)
	a.Reason, a.Fault = r, fault
	a.Ended, a.Deadline = m.now, zeroTime
	m.forget(sh, a)
	if fault {
		m.fault(a, r.Code)
	}
	if outage(r.Code) || r.Code == CodeRefused {
		m.loseQuote(a.Provider)
	}
	if wasBusy && r.Code != CodeRefused {
		m.emit(Abort{Shard: sh.Index, Attempt: a.N, Provider: a.Provider, Reason: r})
	}
	if fault && accepted {
		m.emit(Settle{
			Shard: sh.Index, Attempt: a.N, Provider: a.Provider, Verdict: VerdictFailed,
			Amount: payments.Amount{Unit: a.Amount.Unit}, Reason: r, Evidence: a.evidence(),
		})
	}
	m.j.NextMatch = zeroTime // a slot came free
}

// cancel stops an attempt that is nobody's fault.
func (m *machine) cancel(sh *Shard, a *Attempt, r Reason) {
	m.set(sh, a, AttemptCancelled, r.Code)
	a.Reason = r
	a.Ended, a.Deadline = m.now, zeroTime
	m.forget(sh, a)
	m.emit(Abort{Shard: sh.Index, Attempt: a.N, Provider: a.Provider, Reason: r})
	m.j.NextMatch = zeroTime
}

// forget drops the effects an attempt no longer needs, and a comparison it was part of.
func (m *machine) forget(sh *Shard, a *Attempt) {
	for _, kind := range []string{"dispatch", "reveal", "fetch"} {
		m.complete(attemptKey(kind, sh.Index, a.N))
	}
	m.drop(func(e Effect) bool {
		c, ok := e.(Compare)
		return ok && c.Shard == sh.Index
	})
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

// exclude leaves a provider alone for the rest of the job. One that lied loses
// its undecided shards as well: they are redone elsewhere.
func (m *machine) exclude(p identity.PubKey, code string) {
	s := m.standing(p)
	if !s.Excluded {
		s.Excluded, s.Why = true, code
	}
	if !lie(code) {
		return
	}
	for i := range m.j.Shards {
		sh := m.j.Shards[i]
		for k := range sh.Attempts {
			if a := &sh.Attempts[k]; a.Provider == p && a.State.Live() {
				if a.State == AttemptFetched {
					// The third opinion was wanted because of this one.
					sh.Wanted = max(sh.Wanted-1, m.j.Spec.Verify.Replicas)
				}
				m.cancel(sh, a, Reason{Code: CodeExcluded, Text: "its provider was caught: " + code})
			}
		}
	}
}

func (m *machine) standing(p identity.PubKey) *Standing {
	for i := range m.j.Providers {
		if m.j.Providers[i].Provider == p {
			return &m.j.Providers[i]
		}
	}
	m.j.Providers = append(m.j.Providers, Standing{Provider: p})
	return &m.j.Providers[len(m.j.Providers)-1]
}

func (m *machine) excluded(p identity.PubKey) bool {
	for i := range m.j.Providers {
		if m.j.Providers[i].Provider == p {
			return m.j.Providers[i].Excluded
		}
	}
	return false
}

// loseQuote forgets a candidate: it must answer for itself before it is asked again.
func (m *machine) loseQuote(p identity.PubKey) {
	var kept []Candidate
	for _, c := range m.j.Candidates {
		if c.Provider != p {
			kept = append(kept, c)
		}
	}
	m.j.Candidates = kept
}

// evidence are the signed documents a verdict on this attempt rests on.
func (a Attempt) evidence() []ID {
	var ids []ID
	for _, id := range []ID{a.Commit.Event, a.Reveal.Event} {
		if id != (ID{}) {
			ids = append(ids, id)
		}
	}
	return ids
}

// live counts the attempts that can still bring a result, in those with a commit.
func (s *Shard) live() (live, in int) {
	for _, a := range s.Attempts {
		if a.State.Live() {
			live++
		}
		if a.State.In() {
			in++
		}
	}
	return live, in
}

// decided reports whether the shard has a result or never will.
func (s *Shard) decided() bool { return s.State == ShardVerified || s.State.Final() }
