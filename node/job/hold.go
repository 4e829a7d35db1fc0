package job

import (
	"slices"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// pay makes a result right and gives its settlement out.
func (m *machine) pay(sh *Shard, a *Attempt, label string) {
	m.set(sh, a, AttemptOK, label)
	a.Deadline = zeroTime
	m.settle(sh, a, VerdictOK, label, a.Amount, a.evidence())
}

// hold believes a claim and keeps its payment back until its provider was
// audited again, or too much of it is held, or the shards are all decided. Who
// is caught before is not paid for it.
func (m *machine) hold(sh *Shard, a *Attempt) {
	m.set(sh, a, AttemptOK, LabelClaimed)
	a.Held = true
	t := m.x.tally(a.Provider)
	t.held = append(t.held, slot{sh.Index, a.N})
	m.release(t, int(max(m.credit(a), 1)))
}

// release pays what is held of a provider, the oldest first, but for the last few.
func (m *machine) release(t *tally, keep int) {
	over := len(t.held) - keep
	if over <= 0 {
		return
	}
	out := slices.Clone(t.held[:over])
	t.held = slices.Clone(t.held[over:])
	for _, s := range out {
		sh := m.own(s.shard)
		a := &sh.Attempts[s.attempt]
		a.Held = false
		m.settle(sh, a, VerdictOK, sh.Label, a.Amount, a.evidence())
	}
}

// releaseAll pays everything that is held once no shard is open any more: there
// is nothing left that could show it to be wrong.
func (m *machine) releaseAll() {
	if m.x.undecided > 0 || m.x.paying == 0 {
		return
	}
	// In the order of the shards, so that every node does the same.
	for i, sh := range m.j.Shards {
		for k := range sh.Attempts {
			if a := &sh.Attempts[k]; a.Held {
				a = &m.own(uint32(i)).Attempts[k]
				a.Held = false
				m.settle(m.j.Shards[i], a, VerdictOK, sh.Label, a.Amount, a.evidence())
				m.x.tally(a.Provider).held = nil
			}
		}
	}
}

// catch is for a provider that lied. It is left alone, its open attempts are
// stopped, and every verdict that rests on its word loses it.
func (m *machine) catch(p identity.PubKey, code string) {
	m.exclude(p, code)
	s := m.standing(p)
	if s.Caught {
		return
	}
	s.Caught, s.Why = true, code
	s.Track.Valid = 0
	m.x.tally(p).held = nil
	for i, sh := range m.j.Shards {
		k := slices.IndexFunc(sh.Attempts, func(a Attempt) bool {
			return a.Provider == p && (a.State.Live() || a.State == AttemptOK || a.State == AttemptSettled)
		})
		if k < 0 {
			continue
		}
		sh = m.own(uint32(i))
		if sh.decided() {
			m.doubt(sh, p)
			continue
		}
		for k := range sh.Attempts {
			if a := &sh.Attempts[k]; a.Provider == p {
				m.distrust(sh, a, code)
			}
		}
	}
}

// distrust takes an attempt of one who was caught out of an open shard.
func (m *machine) distrust(sh *Shard, a *Attempt, code string) {
	switch {
	case a.Vote:
		a.Vote, a.Doubt = false, true
		m.forget(sh, a)
	case a.Doubt:
	case a.State.Live():
		if a.State == AttemptFetched && sh.Disputed {
			// Another opinion was wanted because of this one.
			sh.Wanted = max(sh.Wanted-1, min(sh.Wanted, max(m.j.Spec.Verify.Replicas, 2)))
			sh.Disputed = sh.Wanted > max(m.j.Spec.Verify.Replicas, 2)
		}
		m.cancel(sh, a, Reason{Code: CodeExcluded, Text: "its provider was caught: " + code})
	}
}

// doubt looks at a verdict again of which p, who was caught, was a part. It
// stands where enough others said the same. Otherwise the shard is opened: what
// is not paid is compared with what others bring, and paid if it was right.
func (m *machine) doubt(sh *Shard, p identity.PubKey) {
	left := 0
	for _, n := range sh.Group {
		if a := &sh.Attempts[n]; a.Provider != p && !m.caught(a.Provider) {
			left++
			if a.Trusted {
				left = len(sh.Group)
			}
		}
	}
	mine := slices.ContainsFunc(sh.Group, func(n uint32) bool { return sh.Attempts[n].Provider == p })
	need := 1
	if m.j.Spec.Verify.Mode == VerifyQuorum {
		need = int(m.j.Spec.Verify.Agree)
	}
	if !mine || left >= need || sh.Input.Known != nil || sh.State == ShardRejected {
		return
	}
	if m.j.Ending != "" {
		m.void(sh)
		return
	}
	m.reopen(sh, p)
}

// reopen takes a verdict back.
func (m *machine) reopen(sh *Shard, p identity.PubKey) {
	sh.Reopened, sh.Disputed, sh.Spot = true, false, SpotNone
	sh.Wanted = m.j.Spec.Verify.Replicas
	replay := m.j.Spec.Verify.Mode == VerifyReplay
	for _, n := range sh.Group {
		a := &sh.Attempts[n]
		switch {
		case !m.caught(a.Provider) && a.Provider != p:
			a.Vote = true
		case a.Held && replay:
			a.Held, a.Recheck = false, true
			m.set(sh, a, AttemptFetched, CodeCaught)
		case a.Held:
			a.Held, a.Doubt = false, true
			m.set(sh, a, AttemptFetched, CodeCaught)
		default:
			a.Doubt = true // it is paid, or about to be: it has no say any more
		}
	}
	m.setShard(sh, progress(sh), CodeCaught)
	m.due = true
}

// void drops a verdict of a job that is coming to its end anyway: nobody will
// compute the shard again, and what is not proven is not paid.
func (m *machine) void(sh *Shard) {
	held := false
	for k := range sh.Attempts {
		if a := &sh.Attempts[k]; a.Held {
			a.Held, held = false, true
			m.cancel(sh, a, Reason{Code: CodeCaught, Text: "its provider was caught in another shard"})
		}
	}
	if held {
		sh.Reason = Reason{Code: CodeCaught, Text: "it rests on the word of a provider that was caught"}
		m.setShard(sh, ShardRejected, CodeCaught)
	}
}

// giveWay is tried before a shard that was opened again is given up, or with it
// the job: without what only waits to be compared, other classes can be asked
// and money comes free; and where one who was not caught stands for the old
// verdict, that is better than none.
func (m *machine) giveWay(sh *Shard) bool {
	if !sh.Reopened && sh.Spot != SpotWanted {
		return false
	}
	if sh.Spot == SpotWanted {
		sh.Spot = SpotOver
		if m.j.Spec.Verify.Mode == VerifyQuorum {
			sh.Wanted-- // else it stood for the audit, which a stranger does now
		}
		m.due = true
		m.openRound(sh)
		m.askResult(sh)
		return true
	}
	dropped := false
	for k := range sh.Attempts {
		if a := &sh.Attempts[k]; a.Doubt && a.State == AttemptFetched {
			m.cancel(sh, a, Reason{Code: CodeCaught, Text: "nobody was left to compare it with"})
			dropped = true
		}
	}
	if dropped {
		return true
	}
	if coming, _ := sh.have(); coming == 0 || sh.Result == "" || !sh.voted() {
		return false
	}
	return m.restore(sh)
}

// voted reports whether a result that counts has been paid for.
func (s *Shard) voted() bool {
	return slices.ContainsFunc(s.Attempts, func(a Attempt) bool { return a.Vote })
}

// restore lets the old verdict of a reopened shard stand, as a claim of those
// who were not caught.
func (m *machine) restore(sh *Shard) bool {
	var group []uint32
	for k := range sh.Attempts {
		a := &sh.Attempts[k]
		switch {
		case a.Vote:
			a.Vote = false
			group = append(group, a.N)
		case a.State.Live():
			m.cancel(sh, a, Reason{Code: CodeSuperseded, Text: "the earlier verdict stands"})
		}
	}
	sh.Group, sh.Label, sh.Disputed = group, LabelClaimed, false
	m.setShard(sh, ShardVerified, CodeCaught)
	return true
}

func (m *machine) settle(sh *Shard, a *Attempt, verdict, label string, amount payments.Amount, evidence []ID) {
	e := Settle{
		Shard: sh.Index, Attempt: a.N, Wire: a.Wire, Provider: a.Provider, Verdict: verdict, Label: label,
		Class: a.Class, Audits: a.Audits, RatePPM: a.RatePPM, Amount: amount, Reason: a.Reason, Evidence: evidence,
	}
	if verdict != VerdictOK {
		e.Blame = a.Blame
	}
	m.emit(e)
}
