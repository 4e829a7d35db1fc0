package job

import "fmt"

// dispatch offers every result still wanted to somebody, as far as providers,
// slots and money go: first to the shards that have begun, then in their order.
func (m *machine) dispatch() {
	if m.j.Ending != "" {
		return
	}
	if m.j.Started.IsZero() && (m.tooDear() || m.allTooDear()) {
		return
	}
	var w waits
	if !m.noRoom() {
		for i := m.x.hungry.next(0); i >= 0 && m.j.Ending == ""; i = m.x.hungry.next(i + 1) {
			m.fillShard(m.own(uint32(i)), &w)
		}
		m.dispatchFresh(&w)
	} else {
		w.full = !m.x.hungry.empty() || !m.x.fresh.empty()
	}
	if m.j.Ending != "" || (w.full && !w.starving && !w.blocked) {
		return
	}
	m.explainWait(w)
}

// waits is what kept shards from being offered.
type waits struct{ full, starving, blocked bool }

// dispatchFresh offers shards that nobody had yet. They are all alike, so that
// what keeps one from being offered keeps those behind it; a canary is not, as
// not everybody may have it.
func (m *machine) dispatchFresh(w *waits) {
	for i := m.x.fresh.next(0); i >= 0 && m.j.Ending == ""; i = m.x.fresh.next(i + 1) {
		sh := m.j.Shards[i]
		special := sh.Input.Known != nil
		got := m.fillShard(m.own(uint32(i)), w)
		if (got != full && !special) || m.x.fresh.has(uint32(i)) && !special || m.noRoom() {
			return
		}
	}
}

// noRoom reports whether nothing can be offered, whatever is missing.
func (m *machine) noRoom() bool {
	if m.x.inFlight >= uint64(m.j.Spec.MaxInFlight) {
		return true
	}
	opts := m.options()
	for i := range opts {
		if o := &opts[i]; o.t.busy < o.Slots && (o.stale || m.free(o, true) > 0) {
			return false
		}
	}
	return len(opts) > 0
}

// fillShard offers what a shard misses and notes what it waits for.
func (m *machine) fillShard(sh *Shard, w *waits) filled {
	got := m.fill(sh)
	switch got {
	case full:
		w.full = true
	case starved:
		if sh.Spot == SpotWanted && m.ranOut(sh) {
			w.starving = true // the next answer brings its quote, or it is gone
			break
		}
		if m.giveWay(sh) {
			break
		}
		w.starving = true
		// A canary that everybody there has seen holds nobody up.
		if sh.Starved >= maxStarved || sh.Starved > 0 && sh.Input.Known != nil {
			m.reject(sh, m.noneLeft(sh))
		}
	case unaffordable:
		if !m.giveWay(sh) {
			w.blocked = true
		}
	case exhausted:
		if !m.giveWay(sh) {
			m.reject(sh, m.usedUp(sh))
		}
	}
	m.x.refresh(sh)
	return got
}

// tooDear ends a job before it begins when even the cheapest providers would
// cost more than its budget.
func (m *machine) tooDear() bool {
	low, _ := m.outlook()
	if c, err := low.Cmp(m.j.Budget); err != nil || c <= 0 {
		return false
	}
	r := m.budgetReason()
	r.Text = fmt.Sprintf("the budget of %s does not pay for the job: it would cost at least %s", m.j.Budget.Human(), low.Human())
	m.end(StateFailed, r)
	return true
}

// explainWait says why nothing more is being offered, and asks again for candidates.
func (m *machine) explainWait(w waits) {
	switch {
	case w.starving:
		m.askMatch()
		m.j.Reason = m.noProvider()
	case w.blocked && !m.mayFree():
		m.end(StateFailed, m.budgetReason())
	case w.blocked:
		m.j.Reason = m.budgetReason()
		m.j.Reason.Code = CodeBudgetWait
	default:
		m.j.Reason = Reason{}
	}
}

type filled int

const (
	full         filled = iota // nothing is missing, or it waits for a slot
	starved                    // nobody is left to ask
	unaffordable               // only the budget stands in the way
	exhausted                  // the shard has used up its attempts
)

// fill offers what one shard misses.
func (m *machine) fill(sh *Shard) filled {
	if len(sh.Attempts) > 0 && !sh.comparable() {
		sh.Class = "" // nothing to be comparable with
	}
	for coming, _ := sh.have(); coming < int(sh.Wanted); coming++ {
		if sh.spent() >= m.j.Spec.MaxAttempts() || m.taskBroken(sh) {
			return exhausted
		}
		cs := m.eligible(sh)
		if len(cs) == 0 {
			return starved
		}
		if m.x.inFlight >= uint64(m.j.Spec.MaxInFlight) {
			return full
		}
		o, ok, affordable := m.pick(sh, cs)
		if !affordable {
			return unaffordable
		}
		if !ok {
			return full
		}
		m.offer(sh, o, false)
	}
	return full
}

// comparable reports whether the shard has results, or may get some, that others
// are to be compared with.
func (s *Shard) comparable() bool {
	for k := range s.Attempts {
		if a := &s.Attempts[k]; a.State.Live() || a.Vote {
			return true
		}
	}
	return false
}

// offer reserves the price and sends the shard to a provider.
func (m *machine) offer(sh *Shard, o *option, second bool) {
	price, _ := m.price(*o.Candidate, sh)
	m.j.Reserved = plus(m.j.Reserved, price)
	if m.j.Started.IsZero() {
		m.j.Started = m.now
	}
	sh.Class, sh.Starved = o.Class, 0
	n := uint32(len(sh.Attempts))
	if n >= max(sh.Wanted, m.j.Spec.Verify.Replicas) || sh.Disputed {
		sh.Retries++
	}
	sh.Attempts = append(sh.Attempts, Attempt{
		N: n, Wire: m.wireNumber(sh), Provider: o.Provider, Operator: o.Operator, Apart: o.Apart,
		Quote: o.Quote, Class: o.Class, Amount: price, State: AttemptOffered, Copy: second,
		Flat: o.Validator, Trusted: o.trusted,
		Offered: m.now, Deadline: m.now.Add(offerTimeout),
	})
	a := &sh.Attempts[n]
	m.x.count(a, 1)
	m.log(subject(sh.Index, n), "", string(AttemptOffered), o.Provider.Short())
	t := m.j.Spec.Timeouts
	input := sh.Input
	input.Known = nil
	m.emit(Dispatch{
		Shard: sh.Index, Attempt: n, Wire: a.Wire, Provider: o.Provider, Quote: o.Quote, Class: o.Class,
		Amount: price, Input: input, Seed: m.j.Spec.Task.Seed, Timeout: t.Shard,
		Deadline: earlier(m.now.Add(t.Fetch+t.Shard+runSlack), m.j.Deadline),
	})
	if o.Validator && !o.trusted && !sh.isProbe() && m.chosen("probe", sh.Index, n, m.j.ProbePPM) {
		m.offerProbe(o)
	}
}

// offerProbe gives a validator, beside what it was asked for, a shard whose
// answer is known. It cannot tell which is which.
func (m *machine) offerProbe(o *option) {
	for _, i := range m.x.known {
		sh := m.j.Shards[i]
		if !sh.dormant() || m.saw(o, sh) || !m.usable(o, sh) || m.free(o, true) == 0 {
			continue
		}
		if p, _ := m.price(*o.Candidate, sh); m.fits(p) {
			m.offer(m.own(i), o, false)
		}
		return
	}
}

func (s *Shard) isProbe() bool { return s.Input.Known != nil && s.Input.Known.Probe }

// spent counts the attempts that brought nothing through no wish of this side.
func (s *Shard) spent() int {
	n := 0
	for k := range s.Attempts {
		if a := &s.Attempts[k]; a.State != AttemptCancelled && !a.Doubt {
			n++
		}
	}
	return n
}

// taskBroken reports whether the task itself ended badly on two providers: the
// third would see the same.
func (m *machine) taskBroken(sh *Shard) bool {
	first := ""
	for k := range sh.Attempts {
		a := &sh.Attempts[k]
		if a.State != AttemptLost || a.Reason.Code != CodeTask {
			continue
		}
		if op := a.operator(); first == "" {
			first = op
		} else if op != first {
			return true
		}
	}
	return false
}

// mayFree reports whether a shard that misses nothing is under way: it may give
// back what is reserved for attempts that turn out bad.
func (m *machine) mayFree() bool {
	for _, sh := range m.j.Shards {
		if coming, _ := sh.have(); !sh.decided() && coming >= int(sh.Wanted) && !sh.dormant() {
			return true
		}
	}
	return false
}

// reject gives a shard up, and with it the job. A canary is given up alone: it
// is no part of what was asked for.
func (m *machine) reject(sh *Shard, r Reason) {
	canary := sh.Input.Known != nil
	if canary {
		r = Reason{Code: CodeCanary, Text: r.Text}
	}
	for k := range sh.Attempts {
		if a := &sh.Attempts[k]; a.State.Live() {
			m.cancel(sh, a, r)
		}
	}
	sh.Reason = r
	m.setShard(sh, ShardRejected, r.Code)
	if canary {
		return
	}
	whole := r
	whole.Text = fmt.Sprintf("shard %d: %s", sh.Index, r.Text)
	m.end(StateFailed, whole)
}
