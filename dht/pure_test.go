package dht

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

func pubs(ns ...int) []identity.PubKey {
	var out []identity.PubKey
	for _, n := range ns {
		out = append(out, identity.PubKey{byte(n)})
	}
	return out
}

func span(from, to int) set {
	s := make(set)
	for i := from; i < to; i++ {
		s[identity.PubKey{byte(i)}] = true
	}
	return s
}

func TestFindSalted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at    [salts]set
		max   int
		want  int
		asked int32
	}{
		"agree and enough":      {[salts]set{span(0, 10), span(0, 10), span(0, 99)}, 50, 10, 2},
		"few":                   {[salts]set{span(0, 3), span(0, 3), span(0, 4)}, 50, 4, 3},
		"few, but all asked":    {[salts]set{span(0, 3), span(0, 3), span(0, 4)}, 3, 3, 2},
		"differ":                {[salts]set{span(0, 10), span(8, 20), span(0, 30)}, 50, 30, 3},
		"one place taken over":  {[salts]set{span(200, 250), span(0, 20), span(0, 20)}, 100, 70, 3},
		"one place emptied":     {[salts]set{nil, span(0, 20), span(0, 20)}, 100, 20, 3},
		"nobody":                {[salts]set{nil, nil, nil}, 10, 0, 3},
		"nothing wanted, empty": {[salts]set{nil, nil, nil}, 0, 0, 2},
	} {
		var asked atomic.Int32
		got := findSalted(t.Context(), []int{0, 1, 2}, c.max, func(_ context.Context, salt int) set {
			asked.Add(1)
			s := make(set)
			for p := range c.at[salt] {
				s[p] = true
			}
			return s
		})
		if len(got) != c.want || asked.Load() != c.asked {
			t.Errorf("%s: %d nodes from %d places, want %d from %d", name, len(got), asked.Load(), c.want, c.asked)
		}
	}
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		recorded, known      []identity.PubKey
		max                  int
		wantTable, wantKnown int
	}{
		"nobody":            {nil, nil, 8, 0, 0},
		"table alone":       {pubs(1, 2, 3), nil, 2, 2, 0},
		"known alone":       {nil, pubs(1, 2, 3), 2, 0, 2},
		"room for all":      {pubs(1, 2), pubs(2, 3), 8, 2, 1},
		"a quarter is kept": {pubs(1, 2, 3, 4, 5, 6, 7, 8), pubs(11, 12, 13), 8, 6, 2},
		"known fill up":     {pubs(1), pubs(11, 12, 13, 14), 4, 1, 3},
		"same everywhere":   {pubs(1, 2), pubs(1, 2), 2, 2, 0},
	} {
		seen := make(set)
		table, known := 0, 0
		for _, x := range candidates(c.recorded, c.known, c.max) {
			if seen[x.peer] {
				t.Errorf("%s: a candidate twice", name)
			}
			seen[x.peer] = true
			if x.via == ViaTable {
				table++
			} else {
				known++
			}
		}
		if table != c.wantTable || known != c.wantKnown {
			t.Errorf("%s: %d from the table and %d known, want %d and %d", name, table, known, c.wantTable, c.wantKnown)
		}
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	t0 := time.Unix(1e9, 0)
	var s schedule
	due := func(what string, want time.Duration) {
		t.Helper()
		if got := s.at.Sub(t0); got != want {
			t.Errorf("%s: due after %s, want %s", what, got, want)
		}
	}
	s.changed(t0)
	due("start", settle)
	s.done(t0.Add(settle), errors.New("alone"), 0.5)
	due("failure", 2*settle)
	s.joined(t0.Add(settle), 1)
	due("a join does not delay", 2*settle)
	s.done(t0, nil, 0)
	due("earliest renewal", republish-republishJitter)
	s.done(t0, nil, 1)
	due("latest renewal", republish+republishJitter)
	s.gap = 0
	s.done(t0, nil, 0.5)
	s.joined(t0.Add(time.Millisecond), 3)
	due("join after success", 2*settle)
	s.joined(t0, smallNetwork+1)
	due("a join in a large network changes nothing", 2*settle)
	for range 20 {
		s.done(t0, nil, 0.5)
	}
	s.joined(t0, 3)
	due("joins for ever", maxGap)
	s.changed(t0)
	due("new keys", settle)
	if republish+republishJitter >= ProvideValidity {
		t.Error("records may end before they are renewed")
	}
}

func TestOfferBook(t *testing.T) {
	t.Parallel()
	b := newOfferBook()
	p, t0 := identity.PubKey{1}, time.Unix(1e9, 0)
	within := cachedFor
	check := func(after time.Duration, wantCached, wantResting bool) {
		t.Helper()
		if _, cached, resting := b.get(p, within, t0.Add(after)); cached != wantCached || resting != wantResting {
			t.Errorf("after %s: cached %v, resting %v", after, cached, resting)
		}
	}
	check(0, false, false)
	b.failed(p, t0)
	check(firstRest-1, false, true)
	check(firstRest, false, false)
	b.failed(p, t0)
	check(2*firstRest-1, false, true)
	b.store(p, wire.ProviderOffer{}, wire.Event{}, t0)
	check(0, true, false)
	check(cachedFor-1, true, false)
	check(cachedFor, false, false)
	within = time.Second
	check(within, false, false)
	for i := range 3 * maxOffers {
		b.store(identity.PubKey{byte(i), byte(i >> 8), 9}, wire.ProviderOffer{}, wire.Event{}, t0)
	}
	if len(b.entries) > maxOffers {
		t.Errorf("%d offers kept", len(b.entries))
	}
}

func TestCheckOffer(t *testing.T) {
	t.Parallel()
	key, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_700_000_000, 0)
	offer := wire.ProviderOffer{Network: "test", Hardware: wire.Hardware{OS: "linux", Arch: "amd64"}}
	quote, err := wire.Seal(key, wire.Progress{Job: wire.ID{1}, State: "running"}, now)
	if err != nil {
		t.Fatal(err)
	}
	ev, err := wire.Seal(key, offer, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ev      wire.Event
		from    identity.PubKey
		network string
		age     time.Duration
		ok      bool
	}{
		"good":            {ev, key.PubKey(), "test", 0, true},
		"a little old":    {ev, key.PubKey(), "test", wire.Skew, true},
		"stale":           {ev, key.PubKey(), "test", wire.Skew + time.Second, false},
		"from the future": {ev, key.PubKey(), "test", -wire.Skew - time.Second, false},
		"another author":  {ev, identity.PubKey{7}, "test", 0, false},
		"another network": {ev, key.PubKey(), "main", 0, false},
		"another kind":    {quote, key.PubKey(), "test", 0, false},
	} {
		_, err := checkOffer(c.ev, c.from, c.network, now.Add(c.age))
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrBadOffer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
