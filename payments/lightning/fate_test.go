package lightning_test

import (
	"context"
	"errors"
	"sync"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/store"
)

var errCrash = errors.New("the process was killed")

// fate kills a process at a chosen step: before it takes effect, or after it did
// and before anyone heard so. Steps are writes to the store and calls of the
// Lightning node; the node itself lives on.
type fate struct {
	mu    sync.Mutex
	left  int // steps until death; below zero it does not come
	after bool
	dead  bool
	steps int
	also  func() // what dies with it
}

func (f *fate) isDead() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead
}

func (f *fate) kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
}

// step does one step, or dies of it.
func (f *fate) step(do func() error) error {
	f.mu.Lock()
	if f.dead {
		f.mu.Unlock()
		return errCrash
	}
	f.steps++
	last := f.left == 0
	f.left--
	if last && !f.after {
		f.dead = true
		f.mu.Unlock()
		f.more()
		return errCrash
	}
	f.mu.Unlock()
	err := do()
	f.mu.Lock()
	if last {
		f.dead = true
	}
	dead := f.dead
	f.mu.Unlock()
	if last {
		f.more()
	}
	if dead {
		return errCrash
	}
	return err
}

func (f *fate) more() {
	if f.also != nil {
		f.also()
	}
}

// mortal is the store of a process with a fate.
type mortal struct {
	store.Store
	f *fate
}

func (m mortal) View(fn func(store.Reader) error) error {
	if m.f.isDead() {
		return errCrash
	}
	return m.Store.View(fn)
}

func (m mortal) Update(fn func(store.Txn) error) error {
	return m.f.step(func() error { return m.Store.Update(fn) })
}

// driver is a Lightning node as a process with a fate reaches it.
type driver struct {
	ln.Node
	f    *fate
	evil *evil
}

// evil is what a payee's node does otherwise than it was told.
type evil struct {
	invoice func(*ln.InvoiceSpec) ln.Node // another node, or nil
	hold    func(*ln.HoldSpec)
	cancel  error
	track   func(*ln.Payment) // and of Pay
	paying  func(ln.PaySpec)  // is told of what is about to be paid
}

func (d driver) Info(ctx context.Context) (i ln.Info, err error) {
	if d.f.isDead() {
		return i, errCrash
	}
	return d.Node.Info(ctx)
}

func (d driver) CreateInvoice(ctx context.Context, s ln.InvoiceSpec) (i ln.Invoice, err error) {
	node := d.Node
	if d.evil.invoice != nil {
		if other := d.evil.invoice(&s); other != nil {
			node = other
		}
	}
	err = d.f.step(func() error { i, err = node.CreateInvoice(ctx, s); return err })
	return i, err
}

func (d driver) CreateHold(ctx context.Context, s ln.HoldSpec) (i ln.Invoice, err error) {
	if d.evil.hold != nil {
		d.evil.hold(&s)
	}
	err = d.f.step(func() error { i, err = d.Node.CreateHold(ctx, s); return err })
	return i, err
}

func (d driver) Settle(ctx context.Context, p ln.Preimage) error {
	return d.f.step(func() error { return d.Node.Settle(ctx, p) })
}

func (d driver) Cancel(ctx context.Context, h ln.Hash) error {
	if d.evil.cancel != nil {
		return d.evil.cancel
	}
	return d.f.step(func() error { return d.Node.Cancel(ctx, h) })
}

func (d driver) Lookup(ctx context.Context, h ln.Hash) (s ln.InvoiceState, err error) {
	err = d.f.step(func() error { s, err = d.Node.Lookup(ctx, h); return err })
	return s, err
}

func (d driver) Pay(ctx context.Context, s ln.PaySpec) (p ln.Payment, err error) {
	if d.evil.paying != nil {
		d.evil.paying(s)
	}
	err = d.f.step(func() error { p, err = d.Node.Pay(ctx, s); return err })
	if d.evil.track != nil {
		d.evil.track(&p)
	}
	return p, err
}

func (d driver) Track(ctx context.Context, h ln.Hash) (p ln.Payment, err error) {
	err = d.f.step(func() error { p, err = d.Node.Track(ctx, h); return err })
	if d.evil.track != nil {
		d.evil.track(&p)
	}
	return p, err
}
