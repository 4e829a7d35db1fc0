package lightning

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/store"
)

// Fund implements payments.Funder. What it makes sure of lasts for Config.Work,
// or for the work and as long again for the verdict, where that is longer.
func (r *Rail) Fund(ctx context.Context, p payments.Payment) error {
	work := max(r.cfg.Work, min(2*p.Work+verdictFor, mostWork), p.Work)
	return r.FundFor(ctx, p, work)
}

// verdictFor is how long a verdict may take on top of doing the work once more.
const verdictFor = 10 * time.Minute

// FundFor is Fund for work that lasts as long as that; money is locked for two
// hours at most. Where
// the peer's credit has room, the room and the day's ceiling are set aside for
// p; else p.Amount is locked by a hold, and FundFor returns once the payee has
// signed that it sees it.
func (r *Rail) FundFor(ctx context.Context, p payments.Payment, work time.Duration) error {
	if err := r.checkFund(p, work); err != nil {
		return payments.Fail(p.Ref, payments.NotCharged, err)
	}
	unlock, err := r.holds.lock(ctx, berth{lane{payments.Out, p.Peer}, p.Ref})
	if err != nil {
		return payments.Fail(p.Ref, payments.NotCharged, err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(ctx, r.cfg.FundFor)
	defer cancel()
	o, err := r.out(p.Peer)
	if err != nil {
		return payments.Fail(p.Ref, payments.OutcomeUnknown, err)
	}
	h, known := o.Holds[p.Ref]
	if !known {
		var done bool
		if h, done, err = r.beginFund(ctx, p, o, work); done || err != nil {
			return failed(p.Ref, err)
		}
	}
	if h.Amount != p.Amount.Value {
		return payments.Fail(p.Ref, payments.NotCharged, fmt.Errorf("%s is locked for it: %w", msat(h.Amount), payments.ErrConflict))
	}
	return failed(p.Ref, r.lock(ctx, p.Peer, h))
}

// failed is err as *payments.Error: nothing is charged by locking; whether
// something is locked still is for Release and Reconcile to find out.
func failed(ref payments.Ref, err error) error {
	if err == nil {
		return nil
	}
	outcome := payments.NotCharged
	if errors.Is(err, payments.ErrUnknown) {
		outcome = payments.OutcomeUnknown
	}
	if errors.Is(err, ln.ErrUnavailable) || errors.Is(err, ln.ErrStarting) || errors.Is(err, ln.ErrLocked) {
		err = fmt.Errorf("%w: %w", payments.ErrAway, err)
	}
	return payments.Fail(ref, outcome, err)
}

func (r *Rail) checkFund(p payments.Payment, work time.Duration) error {
	if err := p.Validate(payments.MilliSat); err != nil {
		return err
	}
	switch {
	case p.Peer == r.key.PubKey():
		return fmt.Errorf("payment to oneself: %w", payments.ErrSyntax)
	case p.Ref.Class() != "":
		return fmt.Errorf("ref %.40q is the rail's own: %w", string(p.Ref), payments.ErrSyntax)
	case len(p.Ref) > maxHoldRef:
		return fmt.Errorf("ref of %d bytes, %d at most: %w", len(p.Ref), maxHoldRef, payments.ErrSyntax)
	case work <= 0:
		return fmt.Errorf("%w: locked for %v", ErrHold, work)
	}
	return nil
}

// beginFund finds out whether credit suffices, which is done, or draws a hold.
func (r *Rail) beginFund(ctx context.Context, p payments.Payment, o out, work time.Duration) (h hold, done bool, err error) {
	switch e, err := r.acc.Journal().Of(payments.Out, p.Peer, p.Ref); {
	case errors.Is(err, payments.ErrNoEntry):
	case err != nil:
		return h, false, err
	case e.State.Terminal() || e.State.Open():
		return h, true, e.Same(p) // being paid, or paid
	}
	if c, ok := o.Credit[p.Ref]; ok {
		if c.Amount != p.Amount.Value {
			return h, false, fmt.Errorf("room for %s is set aside: %w", msat(c.Amount), payments.ErrConflict)
		}
		return h, true, nil
	}
	t, err := r.terms(ctx, p.Peer, true)
	if err != nil {
		return h, false, err
	}
	if done, err = r.onCredit(p, t); done || err != nil {
		return h, done, err
	}
	h, err = r.draw(ctx, p, work)
	return h, false, err
}

// onCredit sets room aside where the payee's credit has it: what it gives, less
// what is noted and what else was promised and is not paid yet.
func (r *Rail) onCredit(p payments.Payment, t terms) (done bool, err error) {
	return done, r.changeOut(p.Peer, func(tx store.Txn, o *out) error {
		done = false
		d, err := r.acc.OwingIn(tx, p.Peer)
		if err != nil {
			return err
		}
		owed := max(d.Total-d.Settled, t.Owed-t.Settled)
		for _, c := range o.Credit {
			owed += c.Amount
		}
		limit := min(t.Limit, r.cfg.Account.Ceiling)
		if owed+p.Amount.Value > limit || len(o.Credit) >= mostPromises {
			return nil
		}
		if err := r.bindRef(tx, p.Ref, p.Peer); err != nil {
			return err
		}
		if err := r.ceiling.Take(tx, string(p.Ref), p.Amount.Value); err != nil {
			return err
		}
		if o.Credit == nil {
			o.Credit = map[payments.Ref]promise{}
		}
		o.Credit[p.Ref] = promise{Amount: p.Amount.Value, At: r.clock()}
		done = true
		return r.reserve(tx, p.Peer, o)
	})
}

// mostPromises is for how many refs room is set aside with one peer.
const mostPromises = 1024

// draw makes the preimage and writes the hold down, where the limits allow it.
// The ceiling is taken here, before anybody is asked for anything.
func (r *Rail) draw(ctx context.Context, p payments.Payment, work time.Duration) (h hold, err error) {
	switch {
	case p.Amount.Value < r.cfg.Least:
		return h, fmt.Errorf("%w: %s, and the peer gives no credit for it: %w", ErrSmall, p.Amount, payments.ErrOverLimit)
	case work > mostWork:
		return h, fmt.Errorf("%w: locked for %v, %v at most, and the peer gives no credit for it: %w", ErrHold, work, mostWork, payments.ErrOverLimit)
	case p.Amount.Value > r.cfg.MaxHold:
		return h, fmt.Errorf("%w: %s, at most %d msat: %w", ErrHold, p.Amount, r.cfg.MaxHold, payments.ErrOverLimit)
	}
	ours, slots, err := r.holdRoom(ctx)
	if err != nil {
		return h, err
	}
	var s secret
	rand.Read(s[:])
	now := r.clock()
	h = hold{
		Ref: p.Ref, Phase: drawn, Secret: &s, Hash: wire.ID(ln.Preimage(s).Hash()), Amount: p.Amount.Value,
		Fee: r.cfg.feeLimit(p.Amount.Value), Blocks: holdBlocks(work + r.cfg.FundFor), Begun: now, Until: now.Add(work + r.cfg.FundFor),
	}
	return h, r.changeOut(p.Peer, func(tx store.Txn, o *out) error {
		all, err := held(tx, payments.Out)
		room := (ours + all.Amount) / 1000 * r.cfg.HeldPerMille
		switch {
		case err != nil:
			return err
		case len(o.Holds) >= r.cfg.Holds:
			return fmt.Errorf("%w: %d are open to this peer", ErrHold, len(o.Holds))
		case all.Holds >= slots:
			return fmt.Errorf("%w: %d are open, %d on each of our channels", ErrHold, all.Holds, r.cfg.Holds)
		case all.Amount+h.Amount+h.Fee > room:
			return fmt.Errorf("%w: %d msat would be held of at most %d", ErrHold, all.Amount+h.Amount+h.Fee, room)
		}
		if err := r.bindRef(tx, p.Ref, p.Peer); err != nil {
			return err
		}
		if err := r.ceiling.Take(tx, string(holdRef(payments.Out, p.Peer, p.Ref)), h.Amount+h.Fee); err != nil {
			return err
		}
		if o.Holds == nil {
			o.Holds = map[payments.Ref]hold{}
		}
		o.Holds[p.Ref] = h
		return r.enterHold(tx, payments.Out, p.Peer, h, payments.StateQuoted, "preimage drawn")
	})
}

// holdRoom is what our channels have beside what is held, and how many holds
// they take.
func (r *Rail) holdRoom(ctx context.Context) (ours uint64, slots int, err error) {
	b, err := r.node.Balance(ctx)
	if err != nil {
		return 0, 0, err
	}
	all, err := r.node.Channels(ctx)
	if errors.Is(err, ln.ErrUnsupported) { // a wallet that shows none: as with one
		return b.LocalMsat, r.cfg.Holds, nil
	}
	for _, c := range all {
		if c.State == ln.ChannelOpen && c.Active {
			slots += r.cfg.Holds
		}
	}
	return b.LocalMsat, slots, err
}

// lock brings a hold on until the payee has signed that it sees the money.
func (r *Rail) lock(ctx context.Context, peer identity.PubKey, h hold) error {
	var err error
	if h.Phase == drawn {
		if h, err = r.askHold(ctx, peer, h); err != nil {
			return errors.Join(err, r.holdBack(peer, h, err.Error()))
		}
	}
	if h.Phase == paying {
		if h, err = r.payHold(ctx, peer, h); err != nil {
			return err
		}
	}
	switch h.Phase {
	case locked, revealed, charged, unsigned:
		return nil
	}
	return fmt.Errorf("%w: it is being given up: %s", ErrHold, h.Why)
}

// askHold asks for the hold invoice, checks it, and writes down that it is being
// paid.
func (r *Rail) askHold(ctx context.Context, peer identity.PubKey, h hold) (hold, error) {
	t, err := r.terms(ctx, peer, false)
	if err != nil {
		return h, err
	}
	d, err := r.acc.Owing(ctx, peer)
	if err != nil {
		return h, err
	}
	work := h.Until.Sub(h.Begun)
	e, err := r.seal(wire.InvoiceAsk{
		Rail: Name, Channel: d.Channel, Hold: h.Hash, Ref: string(h.Ref), Amount: h.Amount, Expiry: uint64(work / time.Second),
	})
	if err != nil {
		return h, err
	}
	a, err := r.ask(ctx, peer, e)
	if err != nil {
		return h, err
	}
	m, err := wire.Decode[wire.Invoice](a)
	if err != nil || m.Ask != e.ID {
		return h, fmt.Errorf("%w: answered by %s: %w", ErrInvoice, a.Kind, err)
	}
	i, err := wanted{
		network: t.Network, payee: t.payee, amount: h.Amount, hash: h.Hash, left: r.cfg.PayFor,
		description: holdDescription(d.Channel, h.Ref, h.Amount, h.Hash), blocks: h.Blocks,
	}.check(m.Bolt11, r.clock())
	if err != nil {
		return h, err
	}
	h.By = t.by
	h.Phase, h.Bolt11, h.Expires, h.Ask = paying, m.Bolt11, i.ExpiresAt(), e.Bytes()
	return h, r.putHoldOut(peer, h, payments.StateHeld, "the node is told to lock it")
}

// payHold tells the node to lock the money, and asks the payee until it has
// signed that it sees it.
func (r *Rail) payHold(ctx context.Context, peer identity.PubKey, h hold) (hold, error) {
	if err := r.elsewhere(ctx, h.By); err != nil {
		return h, fmt.Errorf("%w: %w", payments.ErrUnknown, err)
	}
	p, err := r.node.Pay(ctx, ln.PaySpec{
		Bolt11: h.Bolt11, FeeLimitMsat: h.Fee, Timeout: r.cfg.PayFor, CLTVLimit: r.cfg.CLTVLimit, Hold: true,
	})
	switch {
	case errors.Is(err, ln.ErrFailed):
		why := fmt.Errorf("%w: no way to lock it: %s", ln.ErrFailed, p.Reason)
		return h, errors.Join(why, r.holdBack(peer, h, why.Error()))
	case err != nil && !errors.Is(err, ln.ErrInFlight):
		return h, fmt.Errorf("%w: %w", payments.ErrUnknown, err)
	}
	ask, err := wire.Parse(h.Ask)
	if err != nil {
		return h, fmt.Errorf("%w: ask: %w", payments.ErrCorrupt, err)
	}
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		a, err := r.ask(ctx, peer, ask)
		if err == nil && a.Kind == wire.KindCountersign {
			c, err := wire.Decode[wire.Countersign](a)
			if err == nil && c.Of == ask.ID && c.Role == wire.RolePayee {
				h.Phase = locked
				return h, r.putHoldOut(peer, h, payments.StateHeld, "locked")
			}
		}
		if refusedBy(err, CodeGone) || refusedBy(err, CodeHold) {
			return h, errors.Join(err, r.giveUp(ctx, peer, h, err.Error()))
		}
		select {
		case <-ctx.Done():
			return h, fmt.Errorf("%w: not seen by the payee: %w", payments.ErrUnknown, errors.Join(ctx.Err(), err))
		case <-time.After(wait):
		}
	}
}

// putHoldOut writes a hold's next phase down.
func (r *Rail) putHoldOut(peer identity.PubKey, h hold, s payments.State, why string) error {
	return r.changeOut(peer, func(tx store.Txn, o *out) error {
		if old, ok := o.Holds[h.Ref]; !ok || old.Hash != h.Hash {
			return fmt.Errorf("%w: hold %s is gone", ErrBooks, h.Ref)
		}
		o.Holds[h.Ref] = h
		return r.enterHold(tx, payments.Out, peer, h, s, why)
	})
}
