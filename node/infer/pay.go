package infer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// Times of settling: how long one try may take, and how long until the next.
const (
	settleTime = 30 * time.Second
	firstWait  = 500 * time.Millisecond
	longWait   = time.Minute
)

// restates is how often a window is stated with other numbers in one go.
const restates = 3

// receiptTries is how often a provider is asked to countersign before the
// receipt stays one-sided. The money does not depend on it.
const receiptTries = 3

// settle takes a lease's window as far as it goes: states, pays and receipts
// it. Called again it goes on where it was; it does nothing when nothing is
// open.
func (r *Router) settle(ctx context.Context, l *lease) error {
	l.settling.Lock()
	defer l.settling.Unlock()
	w, err := r.begin(l)
	if w == nil || err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for range restates {
		if err = r.progress(ctx, l, w); !errors.Is(err, errRestate) {
			break
		}
	}
	if err == nil || errors.Is(err, errDisputed) {
		l.mu.Lock()
		l.again, l.wait = time.Time{}, 0
		l.mu.Unlock()
		return nil
	}
	if r.now().Unix() > l.Deadline+int64(keepLeases/time.Second) {
		// The provider has forgotten the lease by now. What the rail has under
		// way is the rail's to settle.
		return r.dispute(l, w, "the provider did not come back: "+err.Error())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wait = min(max(2*l.wait, firstWait), longWait)
	l.again = r.now().Add(retryIn(err, l.wait))
	return err
}

// begin returns the window to be dealt with, journalled: the one that is open,
// or a new one over all that was counted since the last.
func (r *Router) begin(l *lease) (*window, error) {
	l.mu.Lock()
	if l.Open != nil {
		w := *l.Open
		l.mu.Unlock()
		return &w, nil
	}
	last := l.State == stateDraining && l.active == 0
	fresh := sub(l.Total, l.Stated)
	nothing := fresh == (meter.Count{})
	if l.over() || l.Ended || nothing && !last {
		if last {
			l.State, l.dirty = stateClosed, true
		}
		l.mu.Unlock()
		return nil, nil
	}
	c := l.record
	now := r.now().UnixMilli()
	began := c.Created * 1000
	c.Open = &window{
		State: windowStated, Began: min(began, now), Ended: now,
		Doc: c.next(c.Total, last), Audits: c.Passed, Rate: l.rate,
	}
	l.mu.Unlock()
	return c.Open, r.commit(l, func(s *record) { s.Open = copied(c.Open) }) // the caller changes its own
}

// next is the window that brings what is stated up to total.
func (c *record) next(total meter.Count, last bool) wire.Window {
	return wire.Window{
		Job: c.ID, Seq: c.Next, Requests: c.Requests - c.Asked,
		InTokens: total.In - c.Stated.In, OutTokens: total.Out - c.Stated.Out,
		TotalIn: total.In, TotalOut: total.Out,
		Amount: c.price(total) - c.price(c.Stated),
		Unit:   string(c.Rate.Unit), Rail: c.Rail, Last: last,
	}
}

// commit changes a lease and stores the change before it returns. Requests may
// end meanwhile, so the change is made to what is current.
func (r *Router) commit(l *lease, change func(*record)) error {
	// The journal must not write an older copy over what is stored here: a
	// restart would then state another window by a number that is in use.
	r.saving <- struct{}{}
	defer func() { <-r.saving }()
	l.mu.Lock()
	c := l.snapshot(r.now())
	l.mu.Unlock()
	change(&c)
	// Only who holds settling changes what change changes; the counts that are
	// stored here may be behind and are journalled again.
	if err := r.save(c); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.record)
	return nil
}

// snapshot is what is stored of a lease: what requests under way may use is
// believed after a crash. The mutex is held.
func (l *lease) snapshot(now time.Time) record {
	c := l.record
	c.Slack = c.Slack.Add(l.slack)
	c.Evidence = slices.Clone(c.Evidence)
	c.Updated = now.Unix()
	return c
}

// progress takes a window from its state to the end.
func (r *Router) progress(ctx context.Context, l *lease, w *window) error {
	var t *talk
	if w.State == windowStated {
		var err error
		if t, err = r.talkTo(ctx, l.Provider, p2p.ProtoJob); err != nil {
			return err
		}
		defer t.end()
		if err := r.state(t, l, w); err != nil {
			return err
		}
	}
	if w.State == windowAccepted {
		if err := r.pay(ctx, l, w); err != nil {
			return err
		}
	}
	if t == nil { // a receipt follows its window on the stream
		var err error
		if t, err = r.talkTo(ctx, l.Provider, p2p.ProtoJob); err != nil {
			return r.unsigned(l, w, err)
		}
		defer t.end()
		if _, _, err := r.ask(t, w.Doc); err != nil {
			return r.unsigned(l, w, err)
		}
	}
	if err := r.receipt(t, l, w); err != nil {
		return err
	}
	if w.Doc.Last {
		r.disclose(t, l)
	}
	return nil
}

// state tells the provider the window. An answer that is lost is asked for
// again with the same numbers: it may have been accepted.
func (r *Router) state(t *talk, l *lease, w *window) error {
	_, ans, err := r.ask(t, w.Doc)
	if err == nil {
		m, derr := wire.Decode[wire.Progress](ans)
		if derr != nil || m.Job != w.Doc.Job || m.Shard != w.Doc.Seq || m.State != wire.StateAccepted {
			return fmt.Errorf("%w: it neither accepts nor refuses the window", errProtocol)
		}
		w.State = windowAccepted
		return r.commit(l, func(c *record) { c.Open = copied(w) })
	}
	var no *refused
	switch {
	case !errors.As(err, &no):
		return err
	case no.code == codeDisputed:
		theirs, ok := parseUsage(no.text)
		if !ok {
			return fmt.Errorf("%w: a dispute without numbers", errProtocol)
		}
		if err := r.reconsider(l, w, theirs.total); err != nil {
			return err
		}
		// A stream carries one window and its receipt: the new numbers need
		// another.
		return errRestate
	case no.code == codeUnknown || no.code == codeMismatch || no.code == codeRefused:
		return r.dispute(l, w, "the provider refuses the window: "+err.Error())
	}
	return err
}

var (
	// errRestate asks for the window to be stated again, with other numbers.
	errRestate = errors.New("the window is stated anew")
	// errDisputed ends the settling of a lease.
	errDisputed = errors.New("the window is disputed")
)

// reconsider takes up the provider's totals when they are within what cut
// requests can have used, and disputes them otherwise. What was lost on the way,
// or with this node's memory, is forgiven up to an allowance for each lease.
func (r *Router) reconsider(l *lease, w *window, theirs meter.Count) error {
	l.mu.Lock()
	most := l.Total.Add(l.Slack)
	more := meter.Count{In: max(theirs.In, most.In), Out: max(theirs.Out, most.Out)}
	beyond := l.price(more) - l.price(most)
	believed := more == most
	if !believed && (l.Crashed || theirs.Within(most.Add(l.Lost))) {
		believed = l.Forgiven+beyond <= r.money(l.Rate.Unit).CrashAllowance
	}
	active := l.active
	extra := sub(theirs, l.Total)
	c := l.record
	l.mu.Unlock()
	if active > 0 && !believed {
		// It has finished what is still on its way to here.
		return &refused{code: codeBusy, text: "requests are under way", retryMS: 500}
	}
	if !believed {
		return r.dispute(l, w, fmt.Sprintf("the provider metered %d and %d tokens, %d and %d were counted", theirs.In, theirs.Out, most.In, most.Out))
	}
	total := c.Total.Add(extra)
	w.Doc = c.next(total, w.Doc.Last)
	r.spent(&c, c.price(total)-c.price(c.Total), r.now())
	// Requests that end meanwhile add to the total, so it is added to here too.
	return r.commit(l, func(c *record) {
		c.Lost = sub(c.Lost, sub(extra, c.Slack))
		c.Slack = sub(c.Slack, extra)
		c.Total, c.Open = c.Total.Add(extra), copied(w)
		c.Forgiven += beyond
	})
}

// dispute ends a lease unpaid from its open window on. The window stays in the
// record with the evidence, and a receipt of this side alone tells of it.
func (r *Router) dispute(l *lease, w *window, reason string) error {
	r.log.Warn("window disputed", "provider", l.Provider.Short(), "lease", l.ID.Short(), "seq", w.Doc.Seq, "reason", reason)
	l.mu.Lock()
	bad := l.Refused != (meter.Count{})
	c := l.record
	l.mu.Unlock()
	// Only what the provider certainly did is held against it.
	verdict, blame := wire.VerdictInconclusive, wire.BlameInconclusive
	if bad {
		verdict, blame = wire.VerdictBad, wire.BlameProvider
	}
	if _, err := r.sealReceipt(c, w, verdict, blame, ""); err != nil {
		r.log.Error("store a receipt", "err", err)
	}
	r.retire(l, reason)
	err := r.commit(l, func(c *record) {
		c.State, c.Reason, c.Open = stateDisputed, wire.Printable(reason), nil
		c.Evidence = append(c.Evidence, fmt.Sprintf("window %d: %d requests, %d and %d tokens, %d %s, not paid",
			w.Doc.Seq, w.Doc.Requests, w.Doc.InTokens, w.Doc.OutTokens, w.Doc.Amount, w.Doc.Unit))
	})
	return errors.Join(errDisputed, err)
}

// pay pays an accepted window. The rail has it once, however often it is
// asked; what is uncertain stays accepted and is asked again, even when the
// provider was found guilty meanwhile. What certainly was not paid is not then.
func (r *Router) pay(ctx context.Context, l *lease, w *window) error {
	if w.Doc.Amount > 0 {
		if !w.Paying && l.guilty() {
			return errors.Join(errDisputed, r.commit(l, func(c *record) { c.Open = nil }))
		}
		if err := r.paying(l, w, true); err != nil { // before the rail is asked
			return err
		}
		_, err := r.d.Rail.Pay(ctx, payments.Payment{
			Ref: windowRef(w), Peer: l.Provider, Amount: payments.Amount{Value: w.Doc.Amount, Unit: l.Rate.Unit},
			Memo: fmt.Sprintf("inference, window %d of lease %s, %d and %d tokens", w.Doc.Seq, l.ID.Short(), w.Doc.InTokens, w.Doc.OutTokens),
		})
		if err != nil && payments.OutcomeOf(err) == payments.NotCharged {
			err = errors.Join(err, r.paying(l, w, false))
		}
		if err != nil {
			return fmt.Errorf("pay: %w", err)
		}
	}
	w.State = windowPaid
	return r.commit(l, func(c *record) {
		c.Open = copied(w)
		c.Paid += w.Doc.Amount
	})
}

// paying writes down whether the rail may have begun to pay a window.
func (r *Router) paying(l *lease, w *window, yes bool) error {
	if w.Paying == yes {
		return nil
	}
	w.Paying = yes
	return r.commit(l, func(c *record) { c.Open = copied(w) })
}

func windowRef(w *window) payments.Ref { return payments.NewRef(w.Doc.Job.String(), w.Doc.Seq, 0) }

// copied keeps what is in the record apart from what is being changed.
func copied(w *window) *window {
	c := *w
	return &c
}
