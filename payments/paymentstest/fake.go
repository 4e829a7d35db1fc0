package paymentstest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// errTransport is what a payer sees of a lost message.
var errTransport = errors.New("fake transport")

// Fake is a rail whose two ends share a process. It keeps the same journal as
// a real one and has none of its evidence.
type Fake struct {
	self    identity.PubKey
	limit   uint64
	s       *store.Mem
	journal *payments.Journal
	kick    chan struct{} // asks Run for a pass

	mu  sync.Mutex // held for a whole Pay: one promise in flight
	net *network
}

// network is what connects fakes and breaks on demand.
type network struct {
	mu     sync.Mutex
	nodes  map[identity.PubKey]*Fake
	faults []Fault
	late   []func()
}

var _ payments.Rail = (*Fake)(nil)

// NewFakes returns connected fakes for the keys, each of which gives every peer
// so much credit, and how to schedule a fault.
func NewFakes(limit uint64, clock func() time.Time, keys ...identity.PubKey) ([]*Fake, func(Fault)) {
	n := &network{nodes: map[identity.PubKey]*Fake{}}
	out := make([]*Fake, 0, len(keys))
	for _, k := range keys {
		s := store.NewMem()
		f := &Fake{
			self: k, limit: limit, s: s, net: n, kick: make(chan struct{}, 1),
			journal: payments.NewJournal("fake", s, clock),
		}
		n.nodes[k] = f
		out = append(out, f)
	}
	return out, n.schedule
}

func (n *network) schedule(f Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults = append(n.faults, f)
}

func (n *network) next() (f Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.faults) > 0 {
		f, n.faults = n.faults[0], n.faults[1:]
	}
	return f
}

// deliver hands the promise to the payee under the next fault.
func (n *network) deliver(from, to identity.PubKey, p payments.Payment) error {
	n.mu.Lock()
	late := n.late
	n.late = nil
	n.mu.Unlock()
	for _, arrive := range late {
		arrive()
	}
	payee := n.nodes[to]
	if payee == nil {
		return fmt.Errorf("%w: %w", payments.ErrUnreachable, errTransport)
	}
	switch n.next() {
	case Refuses:
		return fmt.Errorf("%w: %w", payments.ErrUnreachable, errTransport)
	case LostRequest:
		return errTransport
	case LostReply:
		_ = payee.receive(from, p)
		return errTransport
	case Late:
		n.mu.Lock()
		n.late = append(n.late, func() { _ = payee.receive(from, p) })
		n.mu.Unlock()
		return errTransport
	case Duplicate:
		_ = payee.receive(from, p)
	}
	return payee.receive(from, p)
}

// Name returns "fake".
func (f *Fake) Name() string { return "fake" }

// Unit returns payments.Credits.
func (f *Fake) Unit() payments.Unit { return payments.Credits }

// Pay implements payments.Payer.
func (f *Fake) Pay(ctx context.Context, p payments.Payment) (payments.Proof, error) {
	if err := p.Validate(f.Unit()); err != nil {
		return payments.Proof{}, payments.Fail(p.Ref, payments.NotCharged, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	e, err := f.get(payments.Out, p.Peer, p.Ref)
	known := err == nil && e.State != payments.StateReleased
	if known && e.Same(p) != nil {
		return payments.Proof{}, payments.Fail(p.Ref, payments.NotCharged, e.Same(p))
	}
	if ctx.Err() != nil && !known {
		return payments.Proof{}, payments.Fail(p.Ref, payments.NotCharged, ctx.Err())
	}
	if !known {
		e = entry(payments.Out, p, payments.StateHeld)
		if err := f.put(e); err != nil {
			return payments.Proof{}, payments.Fail(p.Ref, payments.OutcomeUnknown, err)
		}
	}
	if !e.State.Terminal() {
		if err := f.send(e, !known); err != nil {
			return payments.Proof{}, err
		}
	}
	return payments.Proof{Ref: p.Ref, Rail: f.Name(), Doc: []byte(`"fake"`)}, nil
}

// send delivers a held or unknown promise and enters what came of it. first is
// false for one that was sent before: not reaching the payee now says nothing
// of then.
func (f *Fake) send(e payments.Entry, first bool) error {
	err := f.net.deliver(f.self, e.Peer, e.Payment())
	certain := errors.Is(err, payments.ErrRefused) || errors.Is(err, payments.ErrOverLimit) ||
		first && errors.Is(err, payments.ErrUnreachable)
	outcome := payments.OutcomeUnknown
	switch {
	case err == nil:
		e.State, e.Reason = payments.StateCaptured, "payee agreed"
	case certain:
		outcome = payments.NotCharged
		e.State, e.Reason = payments.StateReleased, err.Error()
	default:
		err = fmt.Errorf("%w: %w", payments.ErrUnknown, err)
		e.State, e.Reason = payments.StateUnknown, err.Error()
	}
	if perr := f.put(e); perr != nil {
		return payments.Fail(e.Ref, payments.OutcomeUnknown, errors.Join(err, perr))
	}
	if err != nil {
		return payments.Fail(e.Ref, outcome, err)
	}
	return nil
}

// receive is the payee's decision; it is the same each time for one promise.
func (f *Fake) receive(from identity.PubKey, p payments.Payment) error {
	return f.s.Update(func(tx store.Txn) error {
		p.Peer = from
		e, err := f.journal.Get(tx, payments.In, from, p.Ref)
		switch {
		case err != nil || e.State == payments.StateReleased || e.Same(p) != nil:
			return payments.ErrRefused
		case e.State.Terminal():
			return nil
		}
		e.State, e.Reason = payments.StateCaptured, "paid"
		_, err = f.journal.Put(tx, e)
		return err
	})
}

// Expect implements payments.Payee.
func (f *Fake) Expect(ctx context.Context, p payments.Payment) error {
	if err := p.Validate(f.Unit()); err != nil {
		return err
	}
	b, err := f.balanceOf(ctx, p.Peer)
	if err != nil {
		return err
	}
	return f.s.Update(func(tx store.Txn) error {
		e, err := f.journal.Get(tx, payments.In, p.Peer, p.Ref)
		if err == nil && e.State != payments.StateReleased {
			return e.Same(p)
		}
		if p.Amount.Value > b.Left {
			return payments.ErrOverLimit
		}
		_, err = f.journal.Put(tx, entry(payments.In, p, payments.StateQuoted))
		return err
	})
}

// Waive implements payments.Payee.
func (f *Fake) Waive(_ context.Context, peer identity.PubKey, ref payments.Ref, reason string) error {
	e, err := f.get(payments.In, peer, ref)
	if err != nil || e.State == payments.StateReleased {
		return err
	}
	e.State, e.Reason = payments.StateReleased, reason
	return f.put(e)
}

// Status implements payments.Rail.
func (f *Fake) Status(_ context.Context, peer identity.PubKey, ref payments.Ref) (payments.Entry, error) {
	return f.journal.Status(peer, ref)
}

// Run implements payments.Rail; it asks again once for each Kick and at start.
func (f *Fake) Run(ctx context.Context) error {
	for {
		if err := f.Settle(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-f.kick:
		}
	}
}

// Kick asks Run for another pass.
func (f *Fake) Kick() {
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// Settle makes one pass over what is open. Its error is the store's.
func (f *Fake) Settle() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	open, err := f.journal.List(payments.Filter{Direction: payments.Out, Open: true})
	for _, e := range open {
		if serr := f.send(e, false); serr != nil && payments.OutcomeOf(serr) == payments.Charged {
			err = errors.Join(err, serr)
		}
	}
	return err
}

func (f *Fake) get(d payments.Direction, peer identity.PubKey, ref payments.Ref) (e payments.Entry, err error) {
	err = f.s.View(func(r store.Reader) error {
		e, err = f.journal.Get(r, d, peer, ref)
		return err
	})
	return e, err
}

func (f *Fake) put(e payments.Entry) error {
	return f.s.Update(func(tx store.Txn) error {
		_, err := f.journal.Put(tx, e)
		return err
	})
}

func entry(d payments.Direction, p payments.Payment, s payments.State) payments.Entry {
	return payments.Entry{Direction: d, Ref: p.Ref, Peer: p.Peer, Amount: p.Amount, Memo: p.Memo, State: s}
}
