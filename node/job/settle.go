package job

// settled notes that a verdict is delivered and, when it is ok, paid for.
func (m *machine) settled(e Settled) error {
	sh, a, err := m.find(e.Shard, e.Attempt)
	if err != nil {
		return err
	}
	if a.Settled {
		return nil // carried out again after a restart
	}
	if !m.drop(settleOf(sh, a)) {
		return m.refuse(subject(sh.Index, a.N), string(a.State), "no settlement is under way")
	}
	a.PayRef, a.Receipt = e.PayRef, e.Receipt
	m.close(sh, a, a.State == AttemptOK, "")
	return nil
}

// settleFailed keeps a settlement for another try, of the same reference.
func (m *machine) settleFailed(e SettleFailed) error {
	sh, a, err := m.find(e.Shard, e.Attempt)
	if err != nil {
		return err
	}
	settling := settleOf(sh, a)
	if m.pending(settling) == nil || a.Settled {
		return m.refuse(subject(sh.Index, a.N), string(a.State), "no settlement is under way")
	}
	if e.Certain != NotCharged && e.Certain != Unknown {
		return m.refuse(subject(sh.Index, a.N), string(a.State), "it must be certain that it is not certain")
	}
	a.Tries++
	a.RetryAt = m.now.Add(backoff(a.Tries))
	m.log(subject(sh.Index, a.N), string(a.State), string(a.State), "settlement: "+e.Certain+" "+e.Code)
	paying := a.State == AttemptOK
	switch {
	case paying && e.Certain == NotCharged && a.Tries >= maxSettleTries:
		a.Reason = Reason{Code: CodeUnpaid, Text: e.Text, Hint: "nothing was charged; see the receipt"}
	case paying && e.Certain == Unknown && a.Tries >= maxUnknownTries:
		// The result does not wait for a provider that is gone. The promise
		// is in the journal, whose reconciler goes on asking.
		m.drop(settling)
		a.Reason = unknownPayment()
		m.close(sh, a, true, CodeUnknown)
		return nil
	case !paying && a.Tries >= maxVerdictTries:
	default:
		if paying {
			a.Reason = Reason{Code: e.Code, Text: e.Text}
		}
		return nil
	}
	m.drop(settling)
	m.close(sh, a, false, CodeUnpaid)
	return nil
}

// unknownPayment is the reason of an attempt that is settled as far as the job
// goes: what may have been paid counts as spent.
func unknownPayment() Reason {
	return Reason{
		Code: CodeUnknown, Text: "whether the payment arrived is not known yet; the journal goes on asking",
		Hint: "do not pay it again by hand; infernet payments list tells",
	}
}

// close ends a settlement. paid moves the reserve to what is spent; otherwise
// the reserve, if there is one, is released.
func (m *machine) close(sh *Shard, a *Attempt, paid bool, why string) {
	a.Settled, a.RetryAt = true, zeroTime
	if a.State != AttemptOK {
		return
	}
	if paid {
		a.Paid = true
		m.j.Spent = plus(m.j.Spent, a.Amount)
		if why == "" {
			a.Reason = Reason{}
		}
	}
	m.set(sh, a, AttemptSettled, why)
}

// retrySettlements gives settlements out again whose wait is over. Past the
// deadline and the grace after it they are closed: what may have been paid
// counts as spent.
func (m *machine) retrySettlements() {
	over := m.now.After(m.j.Deadline.Add(settleGrace))
	for _, e := range m.j.Pending() {
		s, ok := e.(Settle)
		if !ok {
			continue
		}
		sh := m.j.Shards[s.Shard]
		a := &sh.Attempts[s.Attempt]
		retry := !a.RetryAt.IsZero() && !m.now.Before(a.RetryAt)
		if !retry && !(over && a.State == AttemptOK) {
			continue
		}
		sh = m.own(s.Shard)
		a = &sh.Attempts[s.Attempt]
		switch {
		case over && a.State == AttemptOK:
			m.drop(settleOf(sh, a))
			a.Reason = unknownPayment()
			m.close(sh, a, true, CodeUnknown)
		default:
			a.RetryAt = zeroTime
			m.out = append(m.out, e)
		}
	}
}
