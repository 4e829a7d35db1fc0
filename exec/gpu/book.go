package gpu

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxWaiters is how many may wait for cards; those beyond are told ErrBusy.
const maxWaiters = 1024

// Wiper clears a card of what a tenant left. It returns nil only for a clean
// card. It may be called for several cards at once.
type Wiper interface {
	Wipe(ctx context.Context, d Device) error
}

// WiperFunc is a function as a Wiper.
type WiperFunc func(ctx context.Context, d Device) error

// Wipe calls f.
func (f WiperFunc) Wipe(ctx context.Context, d Device) error { return f(ctx, d) }

// State of a card in a Book.
type State string

// The states. A card goes free -> held -> wiping -> free, or from wiping to
// quarantined, and from there through wiping again when Readmit asks for it.
const (
	Free        State = "free"
	Held        State = "held"
	Wiping      State = "wiping"
	Quarantined State = "quarantined"
)

// Entry is one card of a Book.
type Entry struct {
	Device Device
	State  State
	Tenant string    // who holds it, or held it last while it is wiped
	Since  time.Time // of the state
	Reason string    // why it is quarantined
}

// Book lends cards: one tenant a card, all that a Request asks for or none,
// first come first served, wiped before the next tenant. It owns no goroutine.
type Book struct {
	wipe Wiper

	mu      sync.Mutex
	cards   []*card // by index; their number never changes
	waiters []*waiter
}

type card struct {
	Entry
}

type waiter struct {
	req    Request
	tenant string
	done   chan struct{} // closed, under the lock, once lease or err is set
	lease  *Lease
	err    error
}

// NewBook returns a Book of devs. Of devices with one ID, or with a device
// node in common, only the first is taken: they are one card. Where wipe is
// nil nothing can be wiped, so each card is lent once.
func NewBook(devs []Device, wipe Wiper) *Book {
	if wipe == nil {
		wipe = WiperFunc(func(context.Context, Device) error {
			return fmt.Errorf("%w: nothing here can wipe it", ErrDirty)
		})
	}
	b := &Book{wipe: wipe}
	for _, d := range devs {
		if !slices.ContainsFunc(b.cards, func(c *card) bool { return sameCard(c.Device, d) }) {
			d.Nodes = slices.Clone(d.Nodes)
			b.cards = append(b.cards, &card{Entry{Device: d, State: Free, Since: time.Now()}})
		}
	}
	slices.SortStableFunc(b.cards, func(x, y *card) int { return x.Device.Index - y.Device.Index })
	return b
}

// sameCard tells whether two descriptions are, or share, one piece of hardware.
func sameCard(a, b Device) bool {
	if strings.EqualFold(a.ID, b.ID) || a.PCI != "" && strings.EqualFold(a.PCI, b.PCI) {
		return true
	}
	return slices.ContainsFunc(a.Nodes, func(n string) bool { return slices.Contains(b.Nodes, n) })
}

// Take lends the cards of r to tenant, all of them at once, and waits for them
// in a fair queue: who came later never gets a card that one before is waiting
// for. A request for no card gets an empty Lease. Errors: ErrNoGPU when
// waiting cannot help (also while waiting, when a card is quarantined);
// ErrBusy, with the context's own error, when ctx ends first, or at once when
// too many wait; ErrRequest.
func (b *Book) Take(ctx context.Context, r Request, tenant string) (*Lease, error) {
	b.mu.Lock()
	w := b.enqueue(r, tenant)
	b.mu.Unlock()
	select {
	case <-w.done:
		return w.lease, w.err
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-w.done: // lent at the same moment
		return w.lease, w.err
	default:
	}
	b.drop(w)
	return nil, fmt.Errorf("%w: %s asked: %w", ErrBusy, r, ctx.Err())
}

// TryTake is Take without waiting: ErrBusy at once when the cards are lent, or
// others wait for them.
func (b *Book) TryTake(r Request, tenant string) (*Lease, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.enqueue(r, tenant)
	select {
	case <-w.done:
		return w.lease, w.err
	default:
	}
	b.drop(w)
	return nil, fmt.Errorf("%w: %s asked", ErrBusy, r)
}

// enqueue puts a request at the queue's end and serves the queue. The lock is
// held.
func (b *Book) enqueue(r Request, tenant string) *waiter {
	r.IDs = slices.Clone(r.IDs)
	w := &waiter{req: r, tenant: tenant, done: make(chan struct{})}
	if len(b.waiters) >= maxWaiters {
		w.finish(nil, fmt.Errorf("%w: %d wait already", ErrBusy, len(b.waiters)))
		return w
	}
	b.waiters = append(b.waiters, w)
	b.serve()
	return w
}

// drop takes a waiter out of the queue; those behind may go forward.
func (b *Book) drop(w *waiter) {
	b.waiters = slices.DeleteFunc(b.waiters, func(o *waiter) bool { return o == w })
	b.serve()
}

func (w *waiter) finish(l *Lease, err error) {
	w.lease, w.err = l, err
	close(w.done)
}

// Entries returns every card with its state, by index.
func (b *Book) Entries() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Entry, len(b.cards))
	for i, c := range b.cards {
		out[i] = c.Entry
		out[i].Device.Nodes = slices.Clone(c.Device.Nodes)
	}
	return out
}

// Waiting returns how many requests wait.
func (b *Book) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiters)
}
