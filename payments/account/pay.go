package account

import (
	"context"
	"errors"
	"fmt"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// Pay implements payments.Payer. Payments to one peer go one after the other,
// to different peers at the same time.
func (r *Rail) Pay(ctx context.Context, p payments.Payment) (payments.Proof, error) {
	if err := r.checkPayment(p); err != nil {
		return payments.Proof{}, payments.Fail(p.Ref, payments.NotCharged, err)
	}
	unlock, err := r.paying.lock(ctx, p.Peer)
	if err != nil {
		// Whoever holds the lock may be paying this very ref.
		return payments.Proof{}, payments.Fail(p.Ref, payments.OutcomeUnknown, err)
	}
	defer unlock()
	e, err := r.paid(p.Ref)
	if err != nil {
		return payments.Proof{}, payments.Fail(p.Ref, payments.OutcomeUnknown, err)
	}
	if e.State.Terminal() || e.State.Open() {
		if err := e.Same(p); err != nil {
			return payments.Proof{}, payments.Fail(p.Ref, payments.NotCharged, err)
		}
	}
	if e.State.Terminal() {
		return proof(e)
	}
	if err := r.clear(ctx, p.Peer, p.Ref); err != nil {
		return payments.Proof{}, err
	}
	if e, err = r.paid(p.Ref); err != nil {
		return payments.Proof{}, payments.Fail(p.Ref, payments.OutcomeUnknown, err)
	}
	if e.State.Terminal() {
		return proof(e)
	}
	return r.begin(ctx, p)
}

// clear settles the note in flight to peer, if there is one. An error means
// that ref cannot be paid now and says what is certain of ref.
func (r *Rail) clear(ctx context.Context, peer identity.PubKey, ref payments.Ref) error {
	inFlight, err := r.pendingTo(peer)
	if err != nil {
		return r.fail(ref, err)
	}
	if inFlight == nil {
		return nil
	}
	err = r.settle(ctx, peer, *inFlight, nil)
	switch {
	case err == nil:
		return nil
	case inFlight.Ref == ref:
		return r.fail(ref, err)
	case payments.OutcomeOf(err) == payments.NotCharged:
		return nil // the other payment failed for certain; the channel is free
	}
	return r.fail(ref, fmt.Errorf("%w (%s): %w", payments.ErrBusy, inFlight.Ref, err))
}

// begin makes and sends the next note on the channel.
func (r *Rail) begin(ctx context.Context, p payments.Payment) (payments.Proof, error) {
	// Dialled first: a peer that is away costs no promise.
	conn, err := r.dial(ctx, p.Peer)
	if err != nil {
		return payments.Proof{}, payments.Fail(p.Ref, payments.NotCharged, fmt.Errorf("%w: %w", payments.ErrUnreachable, err))
	}
	note, err := r.promise(p)
	if err != nil {
		conn.Close()
		return payments.Proof{}, err
	}
	if err := r.settle(ctx, p.Peer, note, conn); err != nil {
		return payments.Proof{}, r.fail(p.Ref, err)
	}
	e, err := r.paid(p.Ref)
	if err != nil {
		return payments.Proof{}, payments.Fail(p.Ref, payments.Charged, err)
	}
	return proof(e)
}

// promise signs the note and writes it down as held; nothing is sent.
func (r *Rail) promise(p payments.Payment) (note pending, err error) {
	var refused error // ours, before the commit: nothing was written
	err = r.s.Update(func(tx store.Txn) error {
		note, refused = r.hold(tx, p)
		return refused
	})
	switch {
	case err == nil:
		return note, nil
	case refused != nil:
		return pending{}, payments.Fail(p.Ref, payments.NotCharged, refused)
	}
	// The commit may have reached the disk although it failed; if it did, the
	// reconciler sends the note.
	return pending{}, payments.Fail(p.Ref, payments.OutcomeUnknown, err)
}

func (r *Rail) hold(tx store.Txn, p payments.Payment) (pending, error) {
	a, known, err := load(tx, p.Peer)
	if err != nil {
		return pending{}, err
	}
	note, err := r.next(a, p)
	if err != nil {
		return pending{}, err
	}
	kept := note
	kept.Note = nil
	a.Paid.Pending = &kept
	if err := r.save(tx, p.Peer, a, known); err != nil {
		return pending{}, err
	}
	_, err = r.journal.Put(tx, payments.Entry{
		Direction: payments.Out, Ref: p.Ref, Peer: p.Peer, Amount: p.Amount, Memo: p.Memo,
		State: payments.StateHeld, Reason: fmt.Sprintf("note %d signed", note.Seq), Doc: note.Note,
	})
	return note, err
}

// next makes the note that continues the account's channel by p.
func (r *Rail) next(a account, p payments.Payment) (pending, error) {
	if debt := a.owing(r.cfg.Net) + int64(p.Amount.Value); debt > int64(r.cfg.Ceiling) {
		return pending{}, fmt.Errorf("we would owe %s %d of at most %d: %w",
			p.Peer.Short(), debt, r.cfg.Ceiling, payments.ErrOverLimit)
	}
	total, err := payments.Amount{Value: a.Paid.Total, Unit: r.cfg.Unit}.Add(p.Amount)
	if err != nil {
		return pending{}, err
	}
	seq := a.Paid.Seq + 1
	e, err := wire.Seal(r.key, wire.CreditNote{
		Payee: p.Peer, Channel: r.channel(r.key.PubKey(), p.Peer), Seq: seq,
		Cumulative: total.Value, Amount: p.Amount.Value, Unit: string(r.cfg.Unit), Ref: string(p.Ref),
		BackSeq: a.Got.Seq, Back: a.Got.Total,
	}, r.clock())
	if err != nil {
		return pending{}, err
	}
	return pending{Ref: p.Ref, Seq: seq, Amount: p.Amount.Value, Note: e.Bytes(), event: &e}, nil
}

// paid returns the entry of what we pay under ref; none is the zero Entry.
func (r *Rail) paid(ref payments.Ref) (e payments.Entry, err error) {
	err = r.s.View(func(tx store.Reader) error {
		e, err = r.journal.Get(tx, payments.Out, identity.PubKey{}, ref)
		if errors.Is(err, payments.ErrNoEntry) {
			e, err = payments.Entry{}, nil
		}
		return err
	})
	return e, err
}

func (r *Rail) pendingTo(peer identity.PubKey) (p *pending, err error) {
	err = r.s.View(func(tx store.Reader) error {
		a, _, err := load(tx, peer)
		if p = a.Paid.Pending; err != nil || p == nil || p.Note != nil {
			return err
		}
		e, err := r.journal.Get(tx, payments.Out, peer, p.Ref)
		p.Note = e.Doc
		return err
	})
	return p, err
}

// fail adds to err what the journal is certain of; where err itself already
// says so it is returned as it is.
func (r *Rail) fail(ref payments.Ref, err error) error {
	var known *payments.Error
	if errors.As(err, &known) && known.Ref == ref {
		return err
	}
	e, jerr := r.paid(ref)
	if jerr != nil {
		return payments.Fail(ref, payments.OutcomeUnknown, errors.Join(err, jerr))
	}
	return payments.Fail(ref, e.State.Outcome(), err)
}

// proof is the countersigned note, as JSON anyone can verify. Both documents
// were verified when they were entered.
func proof(e payments.Entry) (payments.Proof, error) {
	if len(e.Doc) == 0 || len(e.Answer) == 0 {
		return payments.Proof{}, payments.Fail(e.Ref, payments.Charged, fmt.Errorf("%w: no evidence", payments.ErrCorrupt))
	}
	return payments.Proof{Ref: e.Ref, Rail: e.Rail, Doc: wire.JoinCountersigned(e.Doc, e.Answer)}, nil
}
