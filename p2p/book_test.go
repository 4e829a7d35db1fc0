package p2p

import (
	"errors"
	"slices"
	"sync"
	"testing"
)

type memBook struct {
	mu   sync.Mutex
	list []string
	err  error
}

func (b *memBook) Load() ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.list, b.err
}

func (b *memBook) Save(list []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = slices.Clone(list)
	return nil
}

// A node that met its bootstrap peer once finds it again without.
func TestRememberedPeers(t *testing.T) {
	t.Parallel()
	boot := run(t, loopback(), nil)
	book := &memBook{list: []string{"garbage", "/ip4/127.0.0.1/tcp/1"}}
	cfg := loopback()
	cfg.Bootstrap = boot.Addrs()
	first, err := New(cfg, newKey(t), book, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop := runHost(t, first)
	eventually(t, "bootstrap peer met", func() bool {
		return slices.Contains(first.Known(10), boot.ID()) && len(first.addrsOf(boot.ID())) > 0
	})
	stop()
	if first.Libp2p() != nil || first.Addrs() != nil {
		t.Error("a stopped host still has addresses")
	}
	second := run(t, loopback(), book)
	eventually(t, "remembered peer dialled", func() bool { return len(second.Peers()) == 1 })
	if got := second.Known(10); len(got) != 1 || got[0] != boot.ID() {
		t.Errorf("known: %v", got)
	}
}

func TestBrokenBook(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk")
	h, err := New(loopback(), newKey(t), &memBook{err: broken}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("Run: %v", err)
	}
}

// The connection comes back when the bootstrap peer does.
func TestReconnect(t *testing.T) {
	t.Parallel()
	boot := run(t, loopback(), nil)
	cfg := loopback()
	cfg.Bootstrap = boot.Addrs()
	h := run(t, cfg, nil)
	eventually(t, "connected", func() bool { return len(h.Peers()) == 1 })
	id, _ := boot.ID().PeerID()
	if err := h.Libp2p().Network().ClosePeer(id); err != nil {
		t.Fatal(err)
	}
	eventually(t, "connected again", func() bool { return len(h.Peers()) == 1 })
}
