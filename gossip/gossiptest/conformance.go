package gossiptest

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/gossip"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// TestSet holds an implementation of gossip.Set to its contract. empty returns
// an empty set; doc signs a document of a kind whose newest replaces the rest.
func TestSet(t *testing.T, empty func(t *testing.T) gossip.Set, doc func(t *testing.T, k *identity.Key, at time.Time) wire.Event) {
	t.Helper()
	now := time.Now().Truncate(time.Second)
	from := Key(t, 0).PubKey()
	add := func(t *testing.T, s gossip.Set, e wire.Event) {
		t.Helper()
		if fresh, err := s.Add(e.Bytes(), from); err != nil || !fresh {
			t.Fatalf("a new document: fresh %v, %v", fresh, err)
		}
	}
	holds := func(t *testing.T, s gossip.Set, want ...wire.Event) {
		t.Helper()
		var items []gossip.Item
		for _, e := range want {
			items = append(items, gossip.Item{At: e.CreatedAt, ID: e.ID})
			if raw, ok := s.Get(e.ID); !ok || !bytes.Equal(raw, e.Bytes()) {
				t.Errorf("Get of a document held: %v, %d bytes", ok, len(raw))
			}
		}
		got := s.Items()
		for _, it := range items {
			if !slices.Contains(got, it) {
				t.Errorf("a document of %d is not listed", it.At)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d documents are listed, want %d", len(got), len(want))
		}
	}

	t.Run("once", func(t *testing.T) {
		s, a, b := empty(t), doc(t, Key(t, 1), now), doc(t, Key(t, 2), now.Add(-time.Hour))
		holds(t, s)
		add(t, s, a)
		add(t, s, b)
		if fresh, err := s.Add(a.Bytes(), from); err != nil && !errors.Is(err, gossip.ErrIgnore) || fresh {
			t.Errorf("a document held: fresh %v, %v", fresh, err)
		}
		holds(t, s, a, b)
		if _, ok := s.Get([32]byte{1}); ok {
			t.Error("a document that nobody added")
		}
	})
	t.Run("newest", func(t *testing.T) {
		s, old, young := empty(t), doc(t, Key(t, 1), now.Add(-time.Hour)), doc(t, Key(t, 1), now)
		add(t, s, old)
		add(t, s, young)
		if fresh, err := s.Add(old.Bytes(), from); fresh || err != nil && !errors.Is(err, gossip.ErrIgnore) {
			t.Errorf("a replaced document: fresh %v, %v", fresh, err)
		}
		holds(t, s, young)
		if _, ok := s.Get(old.ID); ok {
			t.Error("a replaced document is held")
		}
	})
	t.Run("blame", func(t *testing.T) {
		s, forged, early := empty(t), doc(t, Key(t, 1), now), doc(t, Key(t, 1), now.Add(gossip.MaxAhead+time.Minute))
		if fresh, err := s.Add(early.Bytes(), from); fresh || !errors.Is(err, gossip.ErrIgnore) {
			t.Errorf("ahead of the clock: fresh %v, %v; want ErrIgnore", fresh, err)
		}
		forged.Sig[3] ^= 1
		for name, raw := range map[string][]byte{"forged": forged.Bytes(), "garbage": []byte("{}"), "empty": nil} {
			if fresh, err := s.Add(raw, from); fresh || err == nil || errors.Is(err, gossip.ErrIgnore) {
				t.Errorf("%s: fresh %v, %v; want an error that blames", name, fresh, err)
			}
		}
		holds(t, s)
	})
	t.Run("concurrent", func(t *testing.T) {
		s := empty(t)
		var docs []wire.Event
		for n := range 8 {
			docs = append(docs, doc(t, Key(t, n), now))
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for _, d := range docs {
					if _, err := s.Add(d.Bytes(), from); err != nil && !errors.Is(err, gossip.ErrIgnore) {
						t.Error(err)
					}
					for _, it := range s.Items() {
						s.Get(it.ID)
					}
				}
			})
		}
		wg.Wait()
		holds(t, s, docs...)
	})
}
