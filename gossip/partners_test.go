package gossip

import (
	"slices"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

func peers(from, to int) (out []identity.PubKey) {
	for n := from; n < to; n++ {
		out = append(out, identity.PubKey{byte(n), 1})
	}
	return out
}

// sync notes sessions with peers that went well.
func (p *partners) sync(with []identity.PubKey, now time.Time) {
	for _, q := range with {
		p.met[q] = now
		p.heal--
	}
}

func TestPartnersAtOnce(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	p := &partners{met: make(map[identity.PubKey]time.Time), heal: joining}
	step := func(there []identity.PubKey) []identity.PubKey {
		now = now.Add(watch)
		got := p.back(there, now)
		p.sync(got, now.Add(time.Second))
		return got
	}
	if got := step(nil); len(got) > 0 {
		t.Errorf("alone, yet %d partners", len(got))
	}
	if got := step(peers(0, 10)); len(got) != joining {
		t.Errorf("%d partners at the start", len(got))
	}
	for range 20 {
		if got := step(peers(0, 10)); len(got) > 0 {
			t.Fatalf("%d partners although nothing happened", len(got))
		}
	}
	if got := step(peers(0, 11)); len(got) > 0 {
		t.Errorf("one new peer is %d partners", len(got))
	}
	// Most are gone; what comes back is another part of the network.
	for range 5 {
		if got := step(peers(0, 4)); len(got) > 0 {
			t.Fatalf("%d partners among those that stayed", len(got))
		}
	}
	if got := step(peers(0, 9)); len(got) != healing {
		t.Errorf("%d partners after a partition", len(got))
	}
	if got := step(peers(0, 10)); len(got) > 0 {
		t.Errorf("%d partners, long healed", len(got))
	}
}

func TestOldestPartner(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	p := &partners{met: map[identity.PubKey]time.Time{}}
	var order []identity.PubKey
	for n := range 6 {
		q := p.oldest(peers(0, 3))
		order = append(order, q)
		p.met[q] = now.Add(time.Duration(n) * time.Minute)
	}
	if !slices.Equal(order, append(peers(0, 3), peers(0, 3)...)) {
		t.Errorf("trusted peers are asked in the order %v", order)
	}
}
