package dhttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/p2p/identity"
)

var _ dht.Contents = (*Router)(nil)

// ProvideContent replaces what the node announced of content.
func (r *Router) ProvideContent(refs []string) error {
	if len(refs) > dht.MaxContent {
		return fmt.Errorf("%w: %d things", dht.ErrBadKey, len(refs))
	}
	for _, ref := range refs {
		if err := checkRef(ref); err != nil {
			return err
		}
	}
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	for _, have := range r.net.contents {
		delete(have, r.self)
	}
	for _, ref := range refs {
		if r.net.contents[ref] == nil {
			r.net.contents[ref] = make(map[identity.PubKey]bool)
		}
		r.net.contents[ref][r.self] = true
	}
	return nil
}

// FindHolders returns at most max other nodes that announced ref.
func (r *Router) FindHolders(ctx context.Context, ref string, max int) ([]identity.PubKey, error) {
	var out []identity.PubKey
	err := r.EachHolder(ctx, ref, max, func(p identity.PubKey) { out = append(out, p) })
	return out, err
}

// EachHolder is FindHolders, one by one.
func (r *Router) EachHolder(ctx context.Context, ref string, max int, found func(identity.PubKey)) error {
	if err := errors.Join(checkRef(ref), ctx.Err()); err != nil {
		return err
	}
	r.net.mu.Lock()
	var out []identity.PubKey
	for p := range r.net.contents[ref] {
		if p != r.self && len(out) < max {
			out = append(out, p)
		}
	}
	r.net.mu.Unlock()
	for _, p := range out {
		found(p)
	}
	return nil
}

func checkRef(ref string) error {
	if ref == "" || len(ref) > 512 {
		return fmt.Errorf("%w: content of %d bytes", dht.ErrBadKey, len(ref))
	}
	return nil
}

// Holder is one dht.Contents and the key it announces.
type Holder struct {
	ID       identity.PubKey
	Contents dht.Contents
}

// ContentConformance holds the contract of dht.Contents against those that open
// returns: n of them, of one network, joined so that each can find each.
func ContentConformance(t *testing.T, open func(t *testing.T, n int) []Holder) {
	t.Helper()
	nodes := open(t, 4)
	many := make([]string, 300)
	for i := range many {
		many[i] = fmt.Sprintf("thing %d", i)
	}
	provide := func(node int, refs ...string) {
		t.Helper()
		if err := nodes[node].Contents.ProvideContent(refs); err != nil {
			t.Fatalf("node %d: ProvideContent: %v", node, err)
		}
	}
	provide(1, "a", "b")
	provide(2, "b", "sha256:1", "npub1x/image/app:v1")
	provide(3, many...)
	for _, c := range []struct {
		node int
		ref  string
		want []int
	}{
		{0, "a", []int{1}},
		{0, "b", []int{1, 2}},
		{1, "b", []int{2}}, // never itself
		{2, "a", []int{1}},
		{0, "sha256:1", []int{2}},
		{3, "npub1x/image/app:v1", []int{2}},
		{1, many[0], []int{3}},
		{2, many[299], []int{3}},
		{0, "nobody's", nil},
	} {
		foundSoon(t, nodes, c.node, c.ref, c.want)
	}
	if got, err := nodes[0].Contents.FindHolders(t.Context(), "b", 1); err != nil || len(got) != 1 {
		t.Errorf("FindHolders with max 1: %d nodes, %v", len(got), err)
	}
	provide(1, "a", "new")
	foundSoon(t, nodes, 0, "new", []int{1})
	foundSoon(t, nodes, 0, "a", []int{1})
	contentRefusals(t, nodes[0].Contents)
}

// foundSoon waits until exactly the wanted nodes are found.
func foundSoon(t *testing.T, nodes []Holder, node int, ref string, want []int) {
	t.Helper()
	deadline := time.After(patience)
	for {
		got, err := nodes[node].Contents.FindHolders(t.Context(), ref, 10)
		ok := err == nil && len(got) == len(want)
		for _, i := range want {
			ok = ok && slices.Contains(got, nodes[i].ID)
		}
		if ok {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("node %d: FindHolders(%s): %d nodes, want %d, %v", node, ref, len(got), len(want), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func contentRefusals(t *testing.T, c dht.Contents) {
	t.Helper()
	for _, bad := range []string{"", strings.Repeat("x", 513)} {
		if err := c.ProvideContent([]string{"fine", bad}); !errors.Is(err, dht.ErrBadKey) {
			t.Errorf("ProvideContent(%.10q): %v, want ErrBadKey", bad, err)
		}
		if _, err := c.FindHolders(t.Context(), bad, 1); !errors.Is(err, dht.ErrBadKey) {
			t.Errorf("FindHolders(%.10q): %v, want ErrBadKey", bad, err)
		}
	}
	if err := c.ProvideContent(make([]string, dht.MaxContent+1)); !errors.Is(err, dht.ErrBadKey) {
		t.Errorf("too many things: %v, want ErrBadKey", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.FindHolders(ctx, "a", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("FindHolders after cancel: %v, want context.Canceled", err)
	}
}
