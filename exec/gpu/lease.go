package gpu

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Lease is cards lent to one tenant. It must be released.
type Lease struct {
	book  *Book
	cards []*card
	devs  []Device

	once sync.Once
	done chan struct{} // closed when the release is over
	err  error         // set before
}

// lend marks free cards as held. The lock is held.
func (b *Book) lend(cards []*card, tenant string) *Lease {
	l := &Lease{book: b, cards: cards, devs: devices(cards), done: make(chan struct{})}
	for _, c := range cards {
		c.set(Held, "")
		c.Tenant = tenant
	}
	return l
}

// set moves a card along its states. A move that is not in the table is a
// fault of this package by which two tenants could meet on a card.
func (c *card) set(to State, reason string) {
	ok := map[State][]State{Free: {Held}, Held: {Wiping}, Wiping: {Free, Quarantined}, Quarantined: {Wiping}}
	if !slices.Contains(ok[c.State], to) {
		panic(fmt.Sprintf("gpu: card %s goes from %s to %s", c.Device.ID, c.State, to))
	}
	c.State, c.Since, c.Reason = to, time.Now(), reason
}

// IDs returns the cards' IDs, for exec.Task.GPUs.
func (l *Lease) IDs() []string {
	ids := make([]string, len(l.devs))
	for i, d := range l.devs {
		ids[i] = d.ID
	}
	return ids
}

// Devices returns the cards as they were found.
func (l *Lease) Devices() []Device { return slices.Clone(l.devs) }

// Release gives the cards back once the tenant's last process is gone, and
// returns when each is wiped and free, or quarantined. The wiping ends with
// ctx; a card whose wiping was cut short is quarantined. It may be called
// often; each call waits for the same end. Errors: ErrDirty for the cards that
// did not come clean, with reasons.
func (l *Lease) Release(ctx context.Context) error {
	l.once.Do(func() {
		defer close(l.done)
		l.book.mu.Lock()
		for _, c := range l.cards {
			c.set(Wiping, "")
		}
		l.book.mu.Unlock()
		l.err = l.book.wipeAll(ctx, l.cards)
	})
	<-l.done
	return l.err
}

// wipeAll wipes cards that are in Wiping, each on its own, and puts each in the
// state it came out in.
func (b *Book) wipeAll(ctx context.Context, cards []*card) error {
	errs := make([]error, len(cards))
	var wg sync.WaitGroup
	for i, c := range cards {
		wg.Go(func() { errs[i] = b.cleanOne(ctx, c) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (b *Book) cleanOne(ctx context.Context, c *card) error {
	err := b.wipe.Wipe(ctx, c.Device)
	if err != nil && !errors.Is(err, ErrDirty) {
		err = fmt.Errorf("%w: %w", ErrDirty, err)
	}
	if err != nil {
		err = fmt.Errorf("GPU %d: %w", c.Device.Index, err)
	}
	b.settle(c, err)
	return err
}

// settle ends a wiping and serves those who wait.
func (b *Book) settle(c *card, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		c.set(Free, "")
		c.Tenant = ""
	} else {
		c.set(Quarantined, strings.TrimPrefix(clean(err.Error(), maxReason), "gpu: "))
	}
	b.serve()
}

// Readmit wipes a quarantined card again and lends it on if it comes clean.
// Errors: ErrNoGPU where no such card is quarantined, ErrDirty, ErrRequest.
func (b *Book) Readmit(ctx context.Context, id string) error {
	b.mu.Lock()
	out := b.filter(func(c *card) bool { return c.State == Quarantined })
	d, err := find(devices(out), id)
	if err != nil {
		b.mu.Unlock()
		return err
	}
	c := b.pick([]Device{d})[0]
	c.set(Wiping, "")
	b.mu.Unlock()
	return b.cleanOne(ctx, c)
}
