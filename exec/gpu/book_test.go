package gpu_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/exec/gpu"
)

func clean(context.Context, gpu.Device) error { return nil }

func request(t testing.TB, s string) gpu.Request {
	t.Helper()
	r, err := gpu.ParseRequest(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// nvidia is four cards of one kind.
func nvidia() []gpu.Device { return cards()[:4] }

func mustTake(t *testing.T, b *gpu.Book, s, tenant string) *gpu.Lease {
	t.Helper()
	l, err := b.TryTake(request(t, s), tenant)
	if err != nil {
		t.Fatalf("%s for %s: %v", s, tenant, err)
	}
	return l
}

func TestTake(t *testing.T) {
	t.Parallel()
	b := gpu.NewBook(nvidia(), gpu.WiperFunc(clean))
	one := mustTake(t, b, "1", "ada")
	three := mustTake(t, b, "device=1,2,3", "bob")
	if fmt.Sprint(indices(one.Devices()), indices(three.Devices())) != "[0] [1 2 3]" || one.IDs()[0] != nvidia()[0].ID {
		t.Errorf("%v %v", one.IDs(), three.IDs())
	}
	for text, want := range map[string]error{
		"1": gpu.ErrBusy, "all": gpu.ErrBusy, "device=0": gpu.ErrBusy,
		"5": gpu.ErrNoGPU, "device=7": gpu.ErrNoGPU, "driver=amd": gpu.ErrNoGPU,
	} {
		if _, err := b.TryTake(request(t, text), "eve"); !errors.Is(err, want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if b.Waiting() != 0 {
		t.Errorf("%d wait who should not", b.Waiting())
	}
	none, err := b.Take(t.Context(), gpu.Request{}, "eve")
	if err != nil || len(none.IDs()) != 0 || none.Release(t.Context()) != nil {
		t.Errorf("no card asked: %v, %v", none, err)
	}
	for range 3 {
		if err := three.Release(t.Context()); err != nil {
			t.Errorf("release: %v", err)
		}
	}
	mustTake(t, b, "3", "eve")
	if e := b.Entries(); e[0].Tenant != "ada" || e[1].Tenant != "eve" || e[0].State != gpu.Held {
		t.Errorf("%+v", e)
	}
}

// TestTwins: one card under two names is lent once.
func TestTwins(t *testing.T) {
	t.Parallel()
	d := nvidia()
	d[1].ID = strings.ToUpper(d[0].ID)
	d[2].Nodes = d[0].Nodes
	d[3].PCI = d[0].PCI
	b := gpu.NewBook(d, gpu.WiperFunc(clean))
	if n := len(b.Entries()); n != 1 {
		t.Errorf("%d cards out of one", n)
	}
}

// TestQueue: first come first served, and nobody is starved.
func TestQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := gpu.NewBook(nvidia(), gpu.WiperFunc(clean))
		first := mustTake(t, b, "device=0", "first")
		var mu sync.Mutex
		var order []string
		wait := func(text, tenant string) {
			go func() {
				l, err := b.Take(t.Context(), request(t, text), tenant)
				if err != nil {
					t.Errorf("%s: %v", tenant, err)
					return
				}
				mu.Lock()
				order = append(order, tenant)
				mu.Unlock()
				<-time.After(time.Minute)
				if err := l.Release(t.Context()); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
		}
		wait("all", "whole")    // needs the first one's card
		wait("1", "small")      // three are free, but the whole claims them
		wait("device=0", "one") // behind both
		wait("4", "four")
		if len(order) != 0 || b.Waiting() != 4 {
			t.Fatalf("%v went before the whole, %d wait", order, b.Waiting())
		}
		if err := first.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-time.After(10 * time.Minute)
		if fmt.Sprint(order) != "[whole small one four]" && fmt.Sprint(order) != "[whole one small four]" {
			t.Errorf("%v", order)
		}
	})
}

// TestPassing: who waits for other cards is passed.
func TestPassing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := gpu.NewBook(cards(), gpu.WiperFunc(clean))
		held := mustTake(t, b, "device=0", "ada")
		ctx, cancel := context.WithCancel(t.Context())
		var failed error
		go func() { _, failed = b.Take(ctx, request(t, "device=0,1"), "bob") }()
		synctest.Wait()
		mustTake(t, b, "device=2", "eve")
		mustTake(t, b, "2,driver=amd", "amy")
		if _, err := b.TryTake(request(t, "device=1"), "mal"); !errors.Is(err, gpu.ErrBusy) {
			t.Errorf("a card that one before waits for: %v", err)
		}
		cancel()
		synctest.Wait()
		if !errors.Is(failed, gpu.ErrBusy) || !errors.Is(failed, context.Canceled) || b.Waiting() != 0 {
			t.Errorf("%v, %d wait", failed, b.Waiting())
		}
		mustTake(t, b, "device=1", "mal")
		if err := held.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestQuarantine: a card that is not clean is out, those who wait for it are
// told, and it comes back once it is clean.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dirty := true
		b := gpu.NewBook(nvidia(), gpu.WiperFunc(func(_ context.Context, d gpu.Device) error {
			<-time.After(time.Second)
			if dirty && d.Index == 2 {
				return errors.New("2 GiB\x1b[2J are in use")
			}
			return nil
		}))
		l := mustTake(t, b, "all", "ada")
		var waited error
		go func() { _, waited = b.Take(t.Context(), request(t, "4"), "bob") }()
		synctest.Wait()
		err := l.Release(t.Context())
		if !errors.Is(err, gpu.ErrDirty) || l.Release(t.Context()) == nil {
			t.Errorf("release: %v", err)
		}
		synctest.Wait()
		if !errors.Is(waited, gpu.ErrNoGPU) || !strings.Contains(waited.Error(), "out of use") {
			t.Errorf("who waited for it: %v", waited)
		}
		e := b.Entries()[2]
		if e.State != gpu.Quarantined || !strings.Contains(e.Reason, "2 GiB") || strings.Contains(e.Reason, "\x1b") || e.Tenant != "ada" {
			t.Errorf("%+v", e)
		}
		if l := mustTake(t, b, "all", "eve"); fmt.Sprint(indices(l.Devices())) != "[0 1 3]" {
			t.Errorf("all without it: %v", l.IDs())
		}
		if err := b.Readmit(t.Context(), "2"); !errors.Is(err, gpu.ErrDirty) {
			t.Errorf("readmitted dirty: %v", err)
		}
		dirty = false
		if err := b.Readmit(t.Context(), "2"); err != nil {
			t.Error(err)
		}
		if err := b.Readmit(t.Context(), "2"); !errors.Is(err, gpu.ErrNoGPU) {
			t.Errorf("readmitted twice: %v", err)
		}
		mustTake(t, b, "device=2", "bob")
	})
}

// TestNoWiper: without one a card is lent once.
func TestNoWiper(t *testing.T) {
	t.Parallel()
	b := gpu.NewBook(nvidia()[:1], nil)
	if err := mustTake(t, b, "1", "ada").Release(t.Context()); !errors.Is(err, gpu.ErrDirty) {
		t.Errorf("%v", err)
	}
	if _, err := b.TryTake(request(t, "1"), "bob"); !errors.Is(err, gpu.ErrNoGPU) {
		t.Errorf("%v", err)
	}
}

// TestCrowd: beyond a bound nobody more may wait.
func TestCrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := gpu.NewBook(nvidia()[:1], gpu.WiperFunc(clean))
		l := mustTake(t, b, "1", "ada")
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 1024 {
			go func() {
				if l, err := b.Take(ctx, request(t, "1"), fmt.Sprint(i)); err == nil {
					_ = l.Release(t.Context())
				}
			}()
		}
		synctest.Wait()
		if _, err := b.Take(t.Context(), request(t, "1"), "late"); !errors.Is(err, gpu.ErrBusy) {
			t.Errorf("%v", err)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		if e := b.Entries(); e[0].State != gpu.Free || b.Waiting() != 0 {
			t.Errorf("%+v", e)
		}
	})
}

// holders keeps who has which card, apart from the Book, and finds two at once.
type holders struct {
	mu  sync.Mutex
	who map[string]string
}

func (h *holders) take(t errorer, ids []string, who string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		if other := h.who[id]; other != "" {
			t.Errorf("%s is %s's and %s's", id, other, who)
		}
		h.who[id] = who
	}
}

func (h *holders) give(t errorer, id, who string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if who != "" && h.who[id] != who {
		t.Errorf("%s is %s's, not %s's", id, h.who[id], who)
	}
	delete(h.who, id)
}

type errorer interface{ Errorf(string, ...any) }

// TestRace: many tenants at once, cancelled in the middle, some wipings fail;
// the wiping counts as the tenant's still.
func TestRace(t *testing.T) {
	t.Parallel()
	h := &holders{who: map[string]string{}}
	var mu sync.Mutex
	var n int
	b := gpu.NewBook(cards(), gpu.WiperFunc(func(ctx context.Context, d gpu.Device) error {
		mu.Lock()
		n++
		fails := n%50 == 0
		mu.Unlock()
		if fails {
			return errors.New("dirty")
		}
		h.give(t, d.ID, "")
		return nil
	}))
	texts := []string{"1", "2", "4", "all", "device=0", "device=1,3", "driver=amd", "2,driver=amd", "device=5,0", "3"}
	var wg sync.WaitGroup
	for g := range 32 {
		wg.Go(func() {
			for i := range 60 {
				who := fmt.Sprintf("%d.%d", g, i)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7)*time.Millisecond)
				l, err := b.Take(ctx, request(t, texts[(g+i)%len(texts)]), who)
				cancel()
				if err != nil {
					continue
				}
				h.take(t, l.IDs(), who)
				if err := l.Release(t.Context()); err == nil {
					continue
				}
				for _, e := range b.Entries() {
					// Whoever comes first readmits it; the rest find it done.
					if e.State == gpu.Quarantined {
						_ = b.Readmit(t.Context(), e.Device.ID)
					}
				}
			}
		})
	}
	wg.Wait()
	for _, e := range b.Entries() {
		if e.State != gpu.Free && e.State != gpu.Quarantined {
			t.Errorf("left over: %+v", e)
		}
	}
	if b.Waiting() != 0 || !slices.IsSortedFunc(b.Entries(), func(x, y gpu.Entry) int { return x.Device.Index - y.Device.Index }) {
		t.Errorf("%d wait", b.Waiting())
	}
}
