package gpu

import (
	"fmt"
	"slices"
)

// serve goes once through the queue, from its head, and lends what can be
// lent. A waiter that has to wait puts its claim on the free cards it may need,
// so that nobody behind takes them and a large request is not starved by small
// ones; requests for other cards pass it. The lock is held.
func (b *Book) serve() {
	claimed := map[*card]bool{}
	b.waiters = slices.DeleteFunc(b.waiters, func(w *waiter) bool {
		got, claim, err := b.match(w.req, claimed)
		switch {
		case err != nil:
			w.finish(nil, err)
			return true
		case claim != nil:
			for _, c := range claim {
				claimed[c] = true
			}
			return false
		}
		w.finish(b.lend(got, w.tenant), nil)
		return true
	})
}

// match returns the cards to lend for r now, or, where it must wait, the cards
// it claims (never nil). An error means that it waits in vain.
func (b *Book) match(r Request, claimed map[*card]bool) (got, claim []*card, err error) {
	if r.None() {
		return nil, nil, nil
	}
	sound := b.filter(func(c *card) bool { return c.State != Quarantined })
	want, err := r.Select(devices(sound))
	if err != nil {
		return nil, nil, b.why(r, err)
	}
	able := func(c *card) bool { return c.State == Free && !claimed[c] }
	if r.Count > 0 {
		// Any so many of one vendor will do.
		free := b.filter(able)
		if want, err = r.Select(devices(free)); err != nil {
			return nil, b.claims(r, sound), nil
		}
		return b.pick(want), nil, nil
	}
	got = b.pick(want)
	if slices.ContainsFunc(got, func(c *card) bool { return !able(c) }) {
		return nil, got, nil
	}
	return got, nil, nil
}

// claims returns every card that a request for so many may get: those of the
// vendors that have enough.
func (b *Book) claims(r Request, sound []*card) []*card {
	out := []*card{}
	for _, group := range r.choices(devices(sound)) {
		if len(group) >= r.Count {
			out = append(out, b.pick(group)...)
		}
	}
	return out
}

// why adds to an error which cards are out of use.
func (b *Book) why(r Request, err error) error {
	if _, whole := r.Select(devices(b.cards)); whole != nil {
		return err
	}
	for _, c := range b.cards {
		if c.State == Quarantined {
			err = fmt.Errorf("%w; GPU %d is out of use: %s", err, c.Device.Index, c.Reason)
		}
	}
	return err
}

func (b *Book) filter(keep func(*card) bool) []*card {
	var out []*card
	for _, c := range b.cards {
		if keep(c) {
			out = append(out, c)
		}
	}
	return out
}

// pick returns the cards of those devices, in the devices' order.
func (b *Book) pick(devs []Device) []*card {
	out := make([]*card, 0, len(devs))
	for _, d := range devs {
		i := slices.IndexFunc(b.cards, func(c *card) bool { return c.Device.ID == d.ID })
		out = append(out, b.cards[i])
	}
	return out
}

func devices(cards []*card) []Device {
	out := make([]Device, len(cards))
	for i, c := range cards {
		out[i] = c.Device
	}
	return out
}
