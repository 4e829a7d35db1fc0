package job

import "fmt"

// dispatch offers every result still wanted to somebody, as far as providers,
// slots and money go.
func (m *machine) dispatch() {
	if m.j.Ending != "" {
		return
	}
	m.countBusy()
	if m.j.Started.IsZero() && m.tooDear() {
		return
	}
	var starving, blocked, waiting bool
	for i := range m.j.Shards {
		sh := m.j.Shards[i]
		if sh.decided() {
			continue
		}
		if m.allFull() {
			waiting = true // nothing can be offered, however much is missing
			break
		}
		switch m.fill(sh) {
		case starved:
			starving = true
			if sh.Starved >= maxStarved {
				m.reject(sh, m.noneLeft(sh))
			}
		case unaffordable:
			blocked = true
		case exhausted:
			m.reject(sh, m.usedUp(sh))
		}
	}
	if m.j.Ending != "" || (waiting && !starving && !blocked) {
		return
	}
	m.explainWait(starving, blocked)
}

// tooDear ends a job before it begins when even the cheapest providers would
// cost more than its budget.
func (m *machine) tooDear() bool {
	low, _ := m.outlook()
	if c, err := low.Cmp(m.j.Budget); err != nil || c <= 0 {
		return false
	}
	r := m.budgetReason()
	r.Text = fmt.Sprintf("the budget of %s does not pay for the job: it would cost at least %s", m.j.Budget, low)
	m.end(StateFailed, r)
	return true
}

// explainWait says why nothing more is being offered, and asks again for candidates.
func (m *machine) explainWait(starving, blocked bool) {
	switch {
	case starving:
		m.askMatch()
		m.j.Reason = m.noProvider()
	case blocked && !m.mayFree():
		m.end(StateFailed, m.budgetReason())
	case blocked:
		m.j.Reason = m.budgetReason()
		m.j.Reason.Code = CodeBudgetWait
	default:
		m.j.Reason = Reason{}
	}
}

// allFull reports whether this job fills every slot it was quoted.
func (m *machine) allFull() bool {
	for _, c := range m.j.Candidates {
		if m.busy[c.Provider.Hex()] < c.Slots {
			return false
		}
	}
	return len(m.j.Candidates) > 0
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
	live, _ := sh.live()
	if live == 0 {
		sh.Class = "" // nothing to be comparable with
	}
	for ; live < int(sh.Wanted); live++ {
		if sh.spent() >= m.j.Spec.MaxAttempts() || m.taskBroken(sh) {
			return exhausted
		}
		cs := m.eligible(sh)
		if len(cs) == 0 {
			return starved
		}
		if m.inFlight() >= uint64(m.j.Spec.MaxInFlight) {
			return full
		}
		c, ok, affordable := m.pick(sh, cs)
		if !affordable {
			return unaffordable
		}
		if !ok {
			return full
		}
		m.offer(sh, c, false)
	}
	return full
}

// offer reserves the price and sends the shard to a provider.
func (m *machine) offer(sh *Shard, c Candidate, second bool) {
	price, _ := m.price(c, sh)
	m.j.Reserved = plus(m.j.Reserved, price)
	if m.j.Started.IsZero() {
		m.j.Started = m.now
	}
	sh.Class, sh.Starved = c.Class, 0
	n := uint32(len(sh.Attempts))
	if n >= m.j.Spec.Verify.Replicas {
		sh.Retries++
	}
	sh.Attempts = append(sh.Attempts, Attempt{
		N: n, Provider: c.Provider, Operator: c.Operator, Quote: c.Quote, Class: c.Class,
		Amount: price, State: AttemptOffered, Copy: second,
		Offered: m.now, Deadline: m.now.Add(offerTimeout),
	})
	m.busy[c.Provider.Hex()]++
	m.log(subject(sh.Index, n), "", string(AttemptOffered), c.Provider.Short())
	t := m.j.Spec.Timeouts
	m.emit(Dispatch{
		Shard: sh.Index, Attempt: n, Provider: c.Provider, Quote: c.Quote, Class: c.Class,
		Amount: price, Input: sh.Input, Seed: m.j.Spec.Task.Seed, Timeout: t.Shard,
		Deadline: earlier(m.now.Add(t.Fetch+t.Shard+runSlack), m.j.Deadline),
	})
}

// spent counts the attempts that brought nothing through no wish of this side.
func (s *Shard) spent() int {
	n := 0
	for _, a := range s.Attempts {
		if a.State != AttemptCancelled {
			n++
		}
	}
	return n
}

// taskBroken reports whether the task itself ended badly on two providers: the
// third would see the same.
func (m *machine) taskBroken(sh *Shard) bool {
	on := map[string]bool{}
	for _, a := range sh.Attempts {
		if a.State == AttemptLost && a.Reason.Code == CodeTask {
			on[a.operator()] = true
		}
	}
	return len(on) >= 2
}

func (m *machine) inFlight() uint64 {
	var n uint64
	for _, b := range m.busy {
		n += uint64(b)
	}
	return n
}

// mayFree reports whether a shard that misses nothing is under way: it may give
// back what is reserved for attempts that turn out bad.
func (m *machine) mayFree() bool {
	for i := range m.j.Shards {
		sh := m.j.Shards[i]
		if live, _ := sh.live(); !sh.decided() && live >= int(sh.Wanted) {
			return true
		}
	}
	return false
}

// reject gives a shard up, and with it the job.
func (m *machine) reject(sh *Shard, r Reason) {
	for k := range sh.Attempts {
		if a := &sh.Attempts[k]; a.State.Live() {
			m.cancel(sh, a, r)
		}
	}
	sh.Reason = r
	m.setShard(sh, ShardRejected, r.Code)
	whole := r
	whole.Text = fmt.Sprintf("shard %d: %s", sh.Index, r.Text)
	m.end(StateFailed, whole)
}
