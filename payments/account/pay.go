package account

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// Pay implements payments.Payer. Payments to one peer go one after the other, to
// different peers at the same time; those that wait while a note is on its way
// are made by one note together, where the peer takes such notes.
func (r *Rail) Pay(ctx context.Context, p payments.Payment) (payments.Proof, error) {
	if err := r.checkPayment(p); err != nil {
		return payments.Proof{}, payments.Fail(p.Ref, payments.NotCharged, err)
	}
	t := &turn{p: p, done: make(chan outcome, 1)}
	for {
		o := r.pay(ctx, t)
		if !o.again {
			return o.proof, o.err
		}
		t.alone = t.alone || o.alone
	}
}

// lead pays t, and with it who waits as well. The caller has the peer's lock.
func (r *Rail) lead(ctx context.Context, s *slot, t *turn) outcome {
	p := t.p
	a, e, err := r.look(p)
	if err != nil {
		return failed(p.Ref, payments.OutcomeUnknown, err)
	}
	if e.State.Terminal() || e.State.Open() {
		if err := e.Same(p); err != nil {
			return failed(p.Ref, payments.NotCharged, err)
		}
	}
	if !e.State.Terminal() && a.Paid.Pending != nil {
		if err := r.clear(ctx, p.Peer, p.Ref); err != nil {
			return outcome{err: err}
		}
		if a, e, err = r.look(p); err != nil {
			return failed(p.Ref, payments.OutcomeUnknown, err)
		}
	}
	if e.State.Terminal() {
		proof, err := r.proof(e)
		return outcome{proof: proof, err: err}
	}
	turns := []*turn{t}
	if most := min(int(a.Paid.Lines), wire.MaxLines); most > 1 {
		others, err := r.fresh(r.paying.company(s, t, most-1))
		if err != nil {
			return failed(p.Ref, payments.OutcomeUnknown, err)
		}
		turns = append(turns, others...)
	}
	outs := r.begin(ctx, p.Peer, turns)
	for i, other := range turns[1:] {
		other.done <- outs[i+1]
	}
	return outs[0]
}

// fresh returns those of the turns that are not begun yet. The others are told to
// come alone, or the state they are in would keep all from being paid.
func (r *Rail) fresh(turns []*turn) (out []*turn, err error) {
	err = r.s.View(func(tx store.Reader) error {
		out = nil
		for _, t := range turns {
			e, err := r.journal.Get(tx, payments.Out, t.p.Peer, t.p.Ref)
			if err != nil && !errors.Is(err, payments.ErrNoEntry) {
				return err
			}
			if !e.State.Terminal() && !e.State.Open() {
				out = append(out, t)
			}
		}
		return nil
	})
	for _, t := range turns {
		if err != nil || !slices.Contains(out, t) {
			t.done <- outcome{again: true, alone: true}
		}
	}
	return out, err
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
	_, err = r.settle(ctx, peer, *inFlight, nil)
	switch {
	case err == nil:
		return nil
	case slices.Contains(inFlight.refs(), ref):
		if len(inFlight.refs()) > 1 && payments.OutcomeOf(err) == payments.NotCharged {
			return nil // refused in company, which says nothing of it alone
		}
		return r.fail(ref, err)
	case payments.OutcomeOf(err) == payments.NotCharged:
		return nil // the other payment failed for certain; the channel is free
	}
	return r.fail(ref, fmt.Errorf("%w (%s): %w", payments.ErrBusy, inFlight.Ref, err))
}

// begin makes and sends the next note on the channel, for all the turns, and
// returns what came of each.
func (r *Rail) begin(ctx context.Context, peer identity.PubKey, turns []*turn) []outcome {
	// Dialled first: a peer that is away costs no promise.
	conn, err := r.dial(ctx, peer)
	if err != nil {
		return each(ctx, turns, payments.NotCharged, fmt.Errorf("%w: %w", payments.ErrUnreachable, err))
	}
	note, certain, err := r.promise(peer, turns)
	if err != nil {
		conn.Close()
		return each(ctx, turns, certain, err)
	}
	answer, err := r.settle(ctx, peer, note, conn)
	if err != nil {
		var known *payments.Error
		if errors.As(err, &known) {
			return each(ctx, turns, known.Outcome, known.Err)
		}
		return each(ctx, turns, payments.OutcomeUnknown, err)
	}
	doc := wire.JoinCountersigned(note.Note, answer)
	outs := make([]outcome, len(turns))
	for i, t := range turns {
		outs[i] = outcome{proof: payments.Proof{Ref: t.p.Ref, Rail: r.cfg.Name, Doc: doc}}
	}
	return outs
}

// each is a note's failure as every turn has it: what failed for certain in
// company is tried alone, and what failed because the one who led was called
// off is tried again by the others.
func each(ctx context.Context, turns []*turn, certain payments.Outcome, err error) []outcome {
	outs := make([]outcome, len(turns))
	for i, t := range turns {
		outs[i] = failed(t.p.Ref, certain, err)
		switch {
		case len(turns) == 1:
		case i > 0 && ctx.Err() != nil:
			outs[i] = outcome{again: true}
		case certain == payments.NotCharged && !errors.Is(err, payments.ErrUnreachable):
			outs[i] = outcome{again: true, alone: true}
		}
	}
	return outs
}

// promise signs the note and writes it down as held; nothing is sent. Of an
// error it says what is certain.
func (r *Rail) promise(peer identity.PubKey, turns []*turn) (note pending, certain payments.Outcome, err error) {
	var refused error // ours, before the commit: nothing was written
	err = r.s.Update(func(tx store.Txn) error {
		note, refused = r.hold(tx, peer, turns)
		return refused
	})
	if refused != nil {
		return pending{}, payments.NotCharged, refused
	}
	// A commit that failed may have reached the disk; if it did, the reconciler
	// sends the note.
	return note, payments.OutcomeUnknown, err
}

func (r *Rail) hold(tx store.Txn, peer identity.PubKey, turns []*turn) (pending, error) {
	a, known, err := load(tx, peer)
	if err != nil {
		return pending{}, err
	}
	note, err := r.next(a, peer, turns)
	if err != nil {
		return pending{}, err
	}
	kept := note
	kept.Note = nil
	a.Paid.Pending = &kept
	if err := r.save(tx, peer, a, known); err != nil {
		return pending{}, err
	}
	entries := make([]payments.Entry, 0, len(turns))
	for _, t := range turns {
		entries = append(entries, payments.Entry{
			Direction: payments.Out, Ref: t.p.Ref, Peer: peer, Amount: t.p.Amount, Memo: t.p.Memo,
			State: payments.StateHeld, Reason: fmt.Sprintf("note %d signed", note.Seq),
		})
	}
	return note, r.enter(tx, entries, note.event.ID, note.Note, nil)
}

// enter puts the entries of one note, and its two documents: into the entry
// where it is alone, beside them where it has company.
func (r *Rail) enter(tx store.Txn, entries []payments.Entry, id wire.ID, doc, answer []byte) error {
	if len(entries) == 1 {
		entries[0].Doc, entries[0].Answer, entries[0].Shared = doc, answer, ""
		return r.journal.PutAll(tx, entries)
	}
	for i := range entries {
		entries[i].Doc, entries[i].Answer, entries[i].Shared = nil, nil, id.String()
	}
	return errors.Join(r.journal.Share(tx, id.String(), doc, answer), r.journal.PutAll(tx, entries))
}

// next makes the note that continues the account's channel by the turns.
func (r *Rail) next(a account, peer identity.PubKey, turns []*turn) (pending, error) {
	sum := payments.Amount{Unit: r.cfg.Unit}
	var lines []wire.CreditLine
	for _, t := range turns {
		var err error
		if sum, err = sum.Add(t.p.Amount); err != nil {
			return pending{}, err
		}
		lines = append(lines, wire.CreditLine{Ref: string(t.p.Ref), Amount: t.p.Amount.Value})
	}
	if debt := a.owing(r.cfg.Net) + int64(sum.Value); debt > int64(r.cfg.Ceiling) {
		return pending{}, fmt.Errorf("we would owe %s %d of at most %d: %w",
			peer.Short(), debt, r.cfg.Ceiling, payments.ErrOverLimit)
	}
	total, err := payments.Amount{Value: a.Paid.Total, Unit: r.cfg.Unit}.Add(sum)
	if err != nil {
		return pending{}, err
	}
	m := wire.CreditNote{
		Payee: peer, Channel: r.channel(r.key.PubKey(), peer), Seq: a.Paid.Seq + 1,
		Cumulative: total.Value, Amount: sum.Value, Unit: string(r.cfg.Unit), BackSeq: a.Got.Seq, Back: a.Got.Total,
	}
	p := pending{Ref: turns[0].p.Ref, Seq: m.Seq, Amount: sum.Value}
	if len(lines) == 1 {
		m.Ref = lines[0].Ref
	} else {
		m.Lines = lines
		for _, l := range lines {
			p.Refs = append(p.Refs, payments.Ref(l.Ref))
		}
	}
	e, err := wire.Seal(r.key, m, r.clock())
	if err != nil {
		return pending{}, err
	}
	p.Note, p.event = e.Bytes(), &e
	return p, nil
}

// look returns the account with p's peer, and the entry of what we pay under its
// ref; none is the zero Entry.
func (r *Rail) look(p payments.Payment) (a account, e payments.Entry, err error) {
	err = r.s.View(func(tx store.Reader) error {
		if a, _, err = load(tx, p.Peer); err != nil {
			return err
		}
		e, err = r.journal.Get(tx, payments.Out, p.Peer, p.Ref)
		if errors.Is(err, payments.ErrNoEntry) {
			e, err = payments.Entry{}, nil
		}
		return err
	})
	return a, e, err
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
		if err != nil {
			return err
		}
		p.Note, _, err = r.journal.Evidence(tx, e)
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
func (r *Rail) proof(e payments.Entry) (payments.Proof, error) {
	doc, answer, err := r.journal.EvidenceOf(e)
	if err == nil && (len(doc) == 0 || len(answer) == 0) {
		err = fmt.Errorf("%w: no evidence", payments.ErrCorrupt)
	}
	if err != nil {
		return payments.Proof{}, payments.Fail(e.Ref, payments.Charged, err)
	}
	return payments.Proof{Ref: e.Ref, Rail: e.Rail, Doc: wire.JoinCountersigned(doc, answer)}, nil
}
