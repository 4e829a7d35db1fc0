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

// mostHolds is how many holds over all peers a payee has open: each costs a slot
// and liquidity on every channel of its route.
const mostHolds = 256

// holdRef is the journal's name of a hold. On the payee's side it names the
// payer too: a stranger must not be able to take another's ref.
func holdRef(d payments.Direction, peer identity.PubKey, ref payments.Ref) payments.Ref {
	if d == payments.Out {
		return payments.ClassHold + ref
	}
	return payments.ClassHold + payments.Ref(peer.Hex()[:16]) + "/" + ref
}

// maxHoldRef is the longest ref that holdRef leaves valid.
const maxHoldRef = payments.MaxRef - len(payments.ClassHold) - 17

// lockedBy names the hold in the entry of the payment it is for.
func lockedBy(hash wire.ID) string { return "hold:" + hash.String() }

// serveHold answers the ask for a hold invoice: with the invoice while it can be
// paid, with a countersignature once the money is locked.
func (r *Rail) serveHold(ctx context.Context, peer identity.PubKey, e wire.Event, ask wire.InvoiceAsk) (wire.Message, error) {
	ref := payments.Ref(ask.Ref)
	unlock, err := r.holds.lock(ctx, berth{lane{payments.In, peer}, ref})
	if err != nil {
		return nil, err
	}
	defer unlock()
	i, err := r.in(peer)
	if err != nil {
		return nil, err
	}
	h, known := i.Holds[ref]
	if known && h.Hash != ask.Hold && (h.Phase == making || h.Phase == open || h.Phase == returning) {
		// The payer has given that one up and drawn another.
		if h, err = r.lookHold(ctx, peer, h); err == nil && h.Phase == open {
			h, err = r.giveBack(ctx, peer, h, "another was drawn for it")
		}
		if err != nil {
			return nil, err
		}
		known = h.Phase != returning
	}
	if !known {
		return r.makeHold(ctx, peer, e, ask)
	}
	if h.Hash != ask.Hold || h.Amount != ask.Amount {
		return refuse(e.ID, CodeHold, "another hold for this is open"), nil
	}
	if h.Phase == making { // we died over it; nobody has the invoice
		return refuse(e.ID, CodeRedraw, "not made, draw another"), r.holdOff(peer, h, "the invoice was not made")
	}
	if h, err = r.lookHold(ctx, peer, h); err != nil {
		return nil, err
	}
	switch h.Phase {
	case open:
		return wire.Invoice{Ask: e.ID, Bolt11: h.Bolt11, Amount: h.Amount}, nil
	case accepted, settling:
		return wire.Countersign{Of: e.ID, Role: wire.RolePayee}, nil
	}
	return refuse(e.ID, CodeGone, h.Why), nil
}

// makeHold writes the hold down, has the node make the invoice, and writes that
// down too.
func (r *Rail) makeHold(ctx context.Context, peer identity.PubKey, e wire.Event, ask wire.InvoiceAsk) (wire.Message, error) {
	work := time.Duration(ask.Expiry) * time.Second
	d, err := r.acc.Owed(ctx, peer)
	if err != nil {
		return nil, err
	}
	info, err := r.node.Info(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case ask.Channel != d.Channel:
		return refuse(e.ID, account.CodeDiverged, "foreign channel"), nil
	case ask.Amount < r.cfg.Least:
		return refuse(e.ID, CodeSmall, fmt.Sprintf("%d msat is the least", r.cfg.Least)), nil
	case ask.Amount > r.cfg.MaxHold:
		return refuse(e.ID, CodeHold, fmt.Sprintf("%d msat is the most", r.cfg.MaxHold)), nil
	case work > mostWork+2*r.cfg.FundFor:
		return refuse(e.ID, CodeHold, fmt.Sprintf("held for %v at most", mostWork)), nil
	case !info.Can.Has(ln.CanHold):
		return refuse(e.ID, CodeHold, "our wallet has no holds"), nil
	case !info.Synced: // what it says of blocks would not be so
		return nil, fmt.Errorf("%w: it is not synced with the chain", ln.ErrStarting)
	case len(ask.Ref) > maxHoldRef || payments.Ref(ask.Ref).Class() != "":
		return refuse(e.ID, CodeHold, "no ref of a job"), nil
	}
	now := r.clock()
	h := hold{
		Ref: payments.Ref(ask.Ref), Phase: making, Hash: ask.Hold, Amount: ask.Amount, Blocks: holdBlocks(work),
		Begun: now, Expires: now.Add(r.cfg.lockFor()), Until: now.Add(work),
	}
	if err := r.beginHold(ctx, peer, h); err != nil {
		if errors.Is(err, ErrHold) || errors.Is(err, payments.ErrTransition) {
			return refuse(e.ID, CodeHold, err.Error()), nil
		}
		return nil, err
	}
	made, err := r.node.CreateHold(ctx, ln.HoldSpec{Hash: ln.Hash(h.Hash), InvoiceSpec: ln.InvoiceSpec{
		AmountMsat: h.Amount, Expiry: r.cfg.lockFor(), CLTVExpiry: h.Blocks,
		DescriptionHash: holdDescription(ask.Channel, h.Ref, h.Amount, h.Hash),
	}})
	if err != nil {
		// Where it was made after all, nobody has it, and it lapses.
		if errors.Is(err, ln.ErrExists) {
			return refuse(e.ID, CodeRedraw, "the hash is taken"), r.holdOff(peer, h, "the hash is taken")
		}
		return nil, errors.Join(err, r.holdOff(peer, h, "the invoice was not made"))
	}
	h.Phase, h.Bolt11, h.Expires = open, made.Bolt11, made.ExpiresAt
	if err := r.putHoldIn(peer, h, payments.StateQuoted, "waits to be locked"); err != nil {
		return nil, err
	}
	r.hint(peer) // Run has the node tell of it
	return wire.Invoice{Ask: e.ID, Bolt11: h.Bolt11, Amount: h.Amount}, nil
}

// beginHoldIn writes a new hold down where the limits allow it.
func (r *Rail) beginHoldIn(peer identity.PubKey, h hold) error {
	return r.changeIn(peer, func(tx store.Txn, i *in) error {
		all, err := held(tx, payments.In)
		if err != nil {
			return err
		}
		switch paid, err := r.acc.Journal().Get(tx, payments.In, peer, h.Ref); {
		case err != nil && !errors.Is(err, payments.ErrNoEntry):
			return err
		case paid.State == payments.StateCaptured:
			return fmt.Errorf("%w: it is paid already", ErrHold)
		case len(i.Holds) >= r.cfg.Holds:
			return fmt.Errorf("%w: %d are open from you", ErrHold, len(i.Holds))
		case all.Holds >= mostHolds:
			return errCrowded
		}
		key := []byte(hashKey + h.Hash.String())
		if _, err := tx.Get(key); !errors.Is(err, store.ErrNotFound) {
			if err != nil {
				return err
			}
			return fmt.Errorf("%w: the hash is in use", ErrHold)
		}
		if err := tx.Set(key, []byte(peer.Hex())); err != nil {
			return err
		}
		if i.Holds == nil {
			i.Holds = map[payments.Ref]hold{}
		}
		i.Holds[h.Ref] = h
		return r.enterHold(tx, payments.In, peer, h, payments.StateQuoted, "an invoice is asked for")
	})
}

// putHoldIn writes a hold's next phase down.
func (r *Rail) putHoldIn(peer identity.PubKey, h hold, s payments.State, why string) error {
	return r.changeIn(peer, func(tx store.Txn, i *in) error {
		if old, ok := i.Holds[h.Ref]; !ok || old.Hash != h.Hash {
			return fmt.Errorf("%w: hold %s is gone", ErrBooks, h.Ref)
		}
		i.Holds[h.Ref] = h
		return r.enterHold(tx, payments.In, peer, h, s, why)
	})
}

// dropHoldIn takes a hold off, in one transaction with what end writes.
func (r *Rail) dropHoldIn(peer identity.PubKey, h hold, end func(store.Txn) error) error {
	return r.changeIn(peer, func(tx store.Txn, i *in) error {
		if old, ok := i.Holds[h.Ref]; !ok || old.Hash != h.Hash {
			return nil // ended already
		}
		delete(i.Holds, h.Ref)
		if err := tx.Delete([]byte(hashKey + h.Hash.String())); err != nil {
			return err
		}
		return end(tx)
	})
}

// holdOff enters that nothing is locked, and waives what it was locked for.
func (r *Rail) holdOff(peer identity.PubKey, h hold, why string) error {
	if err := r.waiveSecured(peer, h, why); err != nil {
		return err
	}
	return r.dropHoldIn(peer, h, func(tx store.Txn) error {
		return r.enterHold(tx, payments.In, peer, h, payments.StateReleased, why)
	})
}

// waiveSecured gives up what was expected out of the hold and nothing else.
func (r *Rail) waiveSecured(peer identity.PubKey, h hold, why string) error {
	var e payments.Entry
	err := r.s.View(func(tx store.Reader) (err error) {
		e, err = r.acc.Journal().Get(tx, payments.In, peer, h.Ref)
		return err
	})
	if errors.Is(err, payments.ErrNoEntry) {
		return nil
	}
	if err != nil || e.Secured != lockedBy(h.Hash) || e.State != payments.StateQuoted {
		return err
	}
	return r.acc.Waive(context.Background(), peer, h.Ref, why)
}

// enterHold writes the journal's entry of a hold. The payee's begins when money
// is locked: what strangers only asked for leaves no trace.
func (r *Rail) enterHold(tx store.Txn, d payments.Direction, peer identity.PubKey, h hold, s payments.State, why string) error {
	ref := holdRef(d, peer, h.Ref)
	if d == payments.In {
		old, err := r.acc.Journal().Get(tx, d, peer, ref)
		if err != nil && !errors.Is(err, payments.ErrNoEntry) {
			return err
		}
		if s == payments.StateQuoted || s == payments.StateReleased && !old.State.Open() {
			return nil
		}
	}
	return r.enter(tx, payments.Entry{
		Direction: d, Ref: ref, Peer: peer, Amount: msat(h.Amount),
		State: s, Reason: clip(why), Doc: h.Doc, Memo: "lock for " + string(h.Ref),
	})
}
