package gpu_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"infernet.tech/infernet/exec/gpu"
)

// model is what a Book has to be: cards, each with one tenant at most, and
// none lent before it was wiped.
type model struct {
	book    *gpu.Book
	holders holders
	leases  []*gpu.Lease
	wiped   map[string]int // by card: how often
	lent    map[string]int
	dirty   bool
}

func (m *model) wipe(_ context.Context, d gpu.Device) error {
	if m.dirty {
		return errors.New("not clean")
	}
	m.holders.mu.Lock() // several cards are wiped at once
	defer m.holders.mu.Unlock()
	m.wiped[d.ID]++
	return nil
}

func (m *model) take(t *rapid.T) {
	r := gpu.Request{Count: rapid.IntRange(-1, 5).Draw(t, "count")}
	if rapid.Bool().Draw(t, "named") {
		r.Count = 0
		perm := rapid.Permutation([]string{"0", "1", "2", "3", "4", "5"}).Draw(t, "order")
		r.IDs = perm[:rapid.IntRange(1, 4).Draw(t, "ids")]
	}
	r.Vendor = rapid.SampledFrom([]gpu.Vendor{"", gpu.NVIDIA, gpu.AMD}).Draw(t, "vendor")
	who := fmt.Sprint(len(m.leases))
	before := m.book.Entries()
	l, err := m.book.TryTake(r, who)
	if err != nil {
		if !errors.Is(err, gpu.ErrBusy) && !errors.Is(err, gpu.ErrNoGPU) {
			t.Fatalf("%v: %v", r, err)
		}
		for i, e := range m.book.Entries() { // all or nothing
			if e.State != before[i].State {
				t.Fatalf("%v failed and left %+v", r, e)
			}
		}
		return
	}
	if want := max(r.Count, len(r.IDs)); r.Count != gpu.All && len(l.IDs()) != want {
		t.Fatalf("%v: %d cards", r, len(l.IDs()))
	}
	m.holders.take(t, l.IDs(), who)
	for _, id := range l.IDs() {
		if m.lent[id]++; m.lent[id] > m.wiped[id]+1 {
			t.Fatalf("%s is lent for the %d. time and was wiped %d times", id, m.lent[id], m.wiped[id])
		}
	}
	m.leases = append(m.leases, l)
}

func (m *model) release(t *rapid.T) {
	if len(m.leases) == 0 {
		t.Skip("nothing is lent")
	}
	i := rapid.IntRange(0, len(m.leases)-1).Draw(t, "lease")
	m.dirty = rapid.IntRange(0, 4).Draw(t, "dirt") == 0
	err := m.leases[i].Release(context.Background())
	if (err != nil) != (m.dirty && len(m.leases[i].IDs()) > 0) {
		t.Fatalf("dirty %t: %v", m.dirty, err)
	}
	for _, id := range m.leases[i].IDs() {
		m.holders.give(t, id, "")
	}
	m.leases = slices.Delete(m.leases, i, i+1)
}

func (m *model) readmit(t *rapid.T) {
	m.dirty = rapid.Bool().Draw(t, "dirty")
	id := fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "card"))
	if err := m.book.Readmit(context.Background(), id); err != nil && !errors.Is(err, gpu.ErrNoGPU) && !errors.Is(err, gpu.ErrDirty) {
		t.Fatalf("%v", err)
	}
}

// check compares the Book's own list with what the tenants have.
func (m *model) check(t *rapid.T) {
	for _, e := range m.book.Entries() {
		if held := m.holders.who[e.Device.ID] != ""; held != (e.State == gpu.Held) {
			t.Fatalf("%s is %s, held %t", e.Device.ID, e.State, held)
		}
		if (e.State == gpu.Quarantined) != (e.Reason != "") {
			t.Fatalf("%+v", e)
		}
	}
	if m.book.Waiting() != 0 {
		t.Fatalf("%d wait", m.book.Waiting())
	}
}

// TestOneTenant: whatever is asked and released, in whatever order, two
// tenants never hold one card.
func TestOneTenant(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &model{
			holders: holders{who: map[string]string{}},
			wiped:   map[string]int{}, lent: map[string]int{},
		}
		m.book = gpu.NewBook(cards(), gpu.WiperFunc(m.wipe))
		t.Repeat(map[string]func(*rapid.T){
			"take": m.take, "release": m.release, "readmit": m.readmit, "": m.check,
		})
	})
}
