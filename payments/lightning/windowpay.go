package lightning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/store"
)

// errMoved: the two books moved while a window was asked for; ask again.
var errMoved = errors.New("the totals moved meanwhile")

// asks is how often a window is asked for in a row when notes cross it.
const asks = 4

// movedAgain is when such a peer is asked once more after that.
const movedAgain = 100 * time.Millisecond

// grace is how long after an invoice's end a payment that the node has never
// heard of is taken as never begun: an earlier call of ours may still have been
// on its way to the node.
const grace = time.Minute

// settle makes good what we owe peer: it finishes the window that is open and
// begins the next where enough is owed. A nil error means nothing more is to
// be done now.
func (r *Rail) settle(ctx context.Context, peer identity.PubKey) error {
	unlock, err := r.windows.lock(ctx, lane{payments.Out, peer})
	if err != nil {
		return err
	}
	defer unlock()
	o, err := r.out(peer)
	if err != nil {
		return err
	}
	if o.Window != nil {
		if err := r.resume(ctx, peer, *o.Window); err != nil {
			return err
		}
	}
	err = errMoved
	for n := 0; n < asks && errors.Is(err, errMoved); n++ {
		var d account.Debt
		if d, err = r.acc.Owing(ctx, peer); err != nil {
			return err
		}
		if d.Total-d.Settled < r.cfg.Least {
			return nil
		}
		err = r.settleDebt(ctx, peer, d)
	}
	return err
}

// settleDebt pays one window over all of d.
func (r *Rail) settleDebt(ctx context.Context, peer identity.PubKey, d account.Debt) error {
	t, err := r.terms(ctx, peer, false)
	if err != nil {
		return err
	}
	w, err := r.askWindow(ctx, peer, d, t)
	if errors.Is(err, ErrInvoice) {
		// They may have moved to another node since we heard its name.
		if t, err = r.terms(ctx, peer, true); err == nil {
			w, err = r.askWindow(ctx, peer, d, t)
		}
	}
	if err != nil {
		return err
	}
	if err := r.beginWindow(peer, w); err != nil {
		return err
	}
	return r.payWindow(ctx, peer, w)
}

// askWindow asks for an invoice over d and checks that it is that.
func (r *Rail) askWindow(ctx context.Context, peer identity.PubKey, d account.Debt, t terms) (w window, err error) {
	w = window{Channel: d.Channel, Seq: d.Seq, From: d.Settled, To: d.Total, Root: d.Root, By: t.by, Begun: r.clock()}
	w.Fee = r.cfg.feeLimit(w.amount())
	e, err := r.seal(wire.InvoiceAsk{
		Rail: Name, Channel: w.Channel, Seq: w.Seq, From: w.From, To: w.To, Root: w.Root,
		Amount: w.amount(), Expiry: uint64(r.cfg.InvoiceFor / time.Second),
	})
	if err != nil {
		return w, err
	}
	a, err := r.ask(ctx, peer, e)
	if err != nil {
		return w, err
	}
	if a.Kind == wire.KindPayTerms { // more is settled than we know of
		if _, err := r.newTerms(ctx, peer, e.ID, a); err != nil {
			return w, err
		}
		return w, errMoved
	}
	m, err := wire.Decode[wire.Invoice](a)
	if err != nil || m.Ask != e.ID {
		return w, fmt.Errorf("%w: answered by %s: %w", ErrInvoice, a.Kind, err)
	}
	i, err := wanted{
		network: t.Network, payee: t.payee, amount: w.amount(), left: r.cfg.PayFor,
		description: windowDescription(w.Channel, w.From, w.To, w.Root), blocks: r.cfg.CLTVLimit / 2,
	}.check(m.Bolt11, r.clock())
	w.Bolt11, w.Hash, w.Expires = m.Bolt11, wire.ID(i.Hash), i.ExpiresAt()
	return w, err
}

// beginWindow writes down that the window is being paid, before the node is
// told. The fees it may cost come out of the day's ceiling here; what it pays
// came out of it when the notes were signed.
func (r *Rail) beginWindow(peer identity.PubKey, w window) error {
	return r.changeOut(peer, func(tx store.Txn, o *out) error {
		if o.Window != nil {
			return fmt.Errorf("%w: a window is open already", ErrBooks)
		}
		if err := r.unreserve(tx, peer); err != nil {
			return err
		}
		if err := r.ceiling.Take(tx, string(w.ref()), w.Fee); err != nil {
			return err
		}
		o.Window = &w
		if err := r.reserve(tx, peer, o); err != nil && !errors.Is(err, payments.ErrCeiling) {
			return err
		}
		return r.enter(tx, payments.Entry{
			Direction: payments.Out, Ref: w.ref(), Peer: peer, Amount: msat(w.amount()),
			State: payments.StateHeld, Reason: fmt.Sprintf("invoice over notes up to %d", w.Seq), Doc: []byte(w.Bolt11),
		})
	})
}

// resume finishes a window that was written down before. An error means it is
// still open.
func (r *Rail) resume(ctx context.Context, peer identity.PubKey, w window) error {
	p, err := r.node.Track(ctx, ln.Hash(w.Hash))
	switch {
	case errors.Is(err, ln.ErrNotFound):
		// Either we died before the node was told, or it has just been told.
		// To pay the same invoice again is safe in both cases; when it is long
		// over nobody can pay it any more.
		if err := r.elsewhere(ctx, w.By); err != nil {
			return r.windowUnknown(peer, w, err)
		}
		if r.clock().After(w.Expires.Add(grace)) {
			return r.windowUnsent(ctx, peer, w, "the node was never told in time, or forgot")
		}
		return r.payWindow(ctx, peer, w)
	case err != nil:
		return r.windowUnknown(peer, w, err)
	}
	if p.State == ln.InFlight && p.Unsent && r.clock().After(w.Expires.Add(grace)) {
		return r.windowUnsent(ctx, peer, w, "the node died before it sent the payment")
	}
	return r.windowIs(peer, w, p)
}

// windowUnsent ends a window whose invoice is over and of which our node knows
// nothing, or holds nothing although it says that it pays it, once the payee has
// signed that it was not paid: another may be asked for. The node alone is not
// believed, for wallets forget.
func (r *Rail) windowUnsent(ctx context.Context, peer identity.PubKey, w window, why string) error {
	t, err := r.terms(ctx, peer, true)
	switch {
	case err != nil:
		return r.windowUnknown(peer, w, fmt.Errorf("%w: %s, and the payee does not say whether it was paid: %w", ln.ErrInFlight, why, err))
	case t.Settled > w.From:
		return r.windowUnknown(peer, w, fmt.Errorf("%w: %s, and the payee has signed that it was paid", ln.ErrInFlight, why))
	}
	return r.windowFailed(peer, w, why+"; the payee signed that it was not paid")
}

// payWindow tells the node to pay, and enters what came of it.
func (r *Rail) payWindow(ctx context.Context, peer identity.PubKey, w window) error {
	p, err := r.node.Pay(ctx, ln.PaySpec{
		Bolt11: w.Bolt11, FeeLimitMsat: w.Fee, Timeout: r.cfg.PayFor, CLTVLimit: r.cfg.CLTVLimit,
	})
	switch {
	case errors.Is(err, ln.ErrFailed):
		return r.windowFailed(peer, w, "no way to pay it: "+string(p.Reason))
	case err != nil:
		// Certain for this call at most, not for one before it: Track decides.
		return r.windowUnknown(peer, w, err)
	}
	return r.windowIs(peer, w, p)
}

// windowIs enters what the node says of the payment.
func (r *Rail) windowIs(peer identity.PubKey, w window, p ln.Payment) error {
	switch p.State {
	case ln.Succeeded:
		return r.windowPaid(peer, w, p)
	case ln.Failed:
		return r.windowFailed(peer, w, string(p.Reason))
	}
	return r.windowUnknown(peer, w, ln.ErrInFlight)
}

func (r *Rail) windowPaid(peer identity.PubKey, w window, p ln.Payment) error {
	err := r.endWindow(peer, w, func(tx store.Txn, _ *out) error {
		now := r.clock()
		if err := r.acc.SettledOut(tx, peer, w.To, now); err != nil {
			return err
		}
		if err := r.spent(tx, peer, w.ref(), 0, p); err != nil {
			return err
		}
		return r.enter(tx, payments.Entry{
			Direction: payments.Out, Ref: w.ref(), Peer: peer, Amount: msat(w.amount()), State: payments.StateCaptured,
			Reason: "paid, fees " + msat(p.FeeMsat).Human(), Doc: []byte(w.Bolt11), Answer: p.Preimage[:],
		})
	})
	if err == nil {
		r.log.Info("lightning: window paid", "peer", peer.Short(), "msat", w.amount(), "fees", p.FeeMsat)
	}
	return err
}

// windowFailed enters that nothing was paid and never will be on that invoice.
func (r *Rail) windowFailed(peer identity.PubKey, w window, why string) error {
	err := r.endWindow(peer, w, func(tx store.Txn, o *out) error {
		if err := r.ceiling.Return(tx, string(w.ref())); err != nil {
			return err
		}
		if err := r.reserve(tx, peer, o); err != nil && !errors.Is(err, payments.ErrCeiling) {
			return err
		}
		return r.enter(tx, payments.Entry{
			Direction: payments.Out, Ref: w.ref(), Peer: peer, Amount: msat(w.amount()),
			State: payments.StateReleased, Reason: clip(why), Doc: []byte(w.Bolt11),
		})
	})
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", ln.ErrFailed, clip(why))
}

// endWindow takes the window off, in one transaction with what end writes.
func (r *Rail) endWindow(peer identity.PubKey, w window, end func(store.Txn, *out) error) error {
	return r.changeOut(peer, func(tx store.Txn, o *out) error {
		if o.Window == nil || o.Window.Hash != w.Hash {
			return fmt.Errorf("%w: window %s is not open", ErrBooks, w.ref())
		}
		o.Window = nil
		return end(tx, o)
	})
}

// windowUnknown enters that nobody knows yet. The window stays open.
func (r *Rail) windowUnknown(peer identity.PubKey, w window, cause error) error {
	err := r.s.Update(func(tx store.Txn) error {
		return r.enter(tx, payments.Entry{
			Direction: payments.Out, Ref: w.ref(), Peer: peer, Amount: msat(w.amount()),
			State: payments.StateUnknown, Reason: clip(cause.Error()), Doc: []byte(w.Bolt11),
		})
	})
	return errors.Join(fmt.Errorf("%w: %w", payments.ErrUnknown, cause), err)
}

// spent leaves under the ceiling what a payment did cost of what it might have,
// its fees and such of its amount as was taken under ref, and posts the fees.
func (r *Rail) spent(tx store.Txn, peer identity.PubKey, ref payments.Ref, amount uint64, p ln.Payment) error {
	if err := r.ceiling.Return(tx, string(ref)); err != nil {
		return err
	}
	if amount+p.FeeMsat > 0 {
		// It is spent, whatever the ceiling says: taken a day ago it counts anew.
		err := r.ceiling.Take(tx, string(ref), amount+p.FeeMsat)
		if err != nil && !errors.Is(err, payments.ErrCeiling) {
			return err
		}
	}
	if p.FeeMsat == 0 {
		return nil
	}
	return r.acc.Journal().Post(tx, payments.Posting{
		ID: payments.Ref("fees/" + p.Hash.String()), Peer: peer, Debit: payments.Fees, Credit: payments.Wallet,
		Amount: msat(p.FeeMsat), Why: "routing of " + string(ref),
	})
}

// feesRef is what the ceiling knows the fees of the next window to peer under.
func feesRef(channel string) string { return "fees/" + channel }

// reserve keeps room under the ceiling for the fees of a window over all that is
// noted and promised to peer: what was promised must not be unpayable.
func (r *Rail) reserve(tx store.Txn, peer identity.PubKey, o *out) error {
	d, err := r.acc.OwingIn(tx, peer)
	if err != nil {
		return err
	}
	sum := d.Total - d.Settled
	if o.Window != nil {
		sum = d.Total - max(d.Settled, o.Window.To)
	}
	for _, c := range o.Credit {
		sum += c.Amount
	}
	if err := r.ceiling.Return(tx, feesRef(d.Channel)); err != nil || sum < r.cfg.Least {
		return err
	}
	return r.ceiling.Take(tx, feesRef(d.Channel), r.cfg.feeLimit(sum))
}

func (r *Rail) unreserve(tx store.Txn, peer identity.PubKey) error {
	d, err := r.acc.OwingIn(tx, peer)
	if err != nil {
		return err
	}
	return r.ceiling.Return(tx, feesRef(d.Channel))
}
