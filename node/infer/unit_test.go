package infer_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/payments"
)

// sold is a rail of another unit over one in credits.
type sold struct {
	payments.Rail
	unit payments.Unit
}

func (s sold) Unit() payments.Unit { return s.unit }

func (s sold) credits(p payments.Payment) (payments.Payment, error) {
	if p.Amount.Unit != s.unit {
		return p, payments.ErrUnit
	}
	p.Amount.Unit = payments.Credits
	return p, nil
}

func (s sold) Pay(ctx context.Context, p payments.Payment) (payments.Proof, error) {
	p, err := s.credits(p)
	if err != nil {
		return payments.Proof{}, payments.Fail(p.Ref, payments.NotCharged, err)
	}
	return s.Rail.Pay(ctx, p)
}

func (s sold) Expect(ctx context.Context, p payments.Payment) error {
	p, err := s.credits(p)
	if err != nil {
		return err
	}
	return s.Rail.Expect(ctx, p)
}

// locking is a rail that locks money first.
type locking struct {
	sold
	mu       sync.Mutex
	fail     error
	wait     time.Duration
	locked   map[payments.Ref]payments.Payment
	released int
}

func (l *locking) Fund(ctx context.Context, p payments.Payment) error {
	select {
	case <-time.After(l.wait):
	case <-ctx.Done():
		return payments.Fail(p.Ref, payments.NotCharged, ctx.Err())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return payments.Fail(p.Ref, payments.NotCharged, l.fail)
	}
	l.locked[p.Ref] = p
	return nil
}

func (l *locking) Release(_ context.Context, ref payments.Ref, _ string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.locked[ref]; ok {
		delete(l.locked, ref)
		l.released++
	}
	return nil
}

// holds are the amounts that are locked.
func (l *locking) holds() (amounts []payments.Amount) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.locked {
		amounts = append(amounts, p.Amount)
	}
	return amounts
}

// in sells and pays in another unit, with the rail locking money first.
func (b *bed) in(unit payments.Unit) *locking {
	for _, p := range b.p {
		p.Rail = sold{p.Rail, unit}
	}
	l := &locking{sold: sold{b.rail, unit}, locked: map[payments.Ref]payments.Payment{}}
	b.deps.Rail = l
	return l
}

func TestUnits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		unit           payments.Unit
		out            uint64 // a million tokens
		budget, window uint64
	}{
		{payments.Credits, 3_000_000, 2000, 500},
		{payments.MilliSat, 3_000_000_000, 2_000_000, 100_000},
		{payments.MicroUSDC, 60_000_000, 1_000_000, 50_000},
	} {
		t.Run(string(c.unit), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, 1)
				b.p[0].In, b.p[0].Out = c.out/3, c.out
				b.deps.Rail = sold{b.rail, c.unit}
				b.p[0].Rail = sold{b.p[0].Rail, c.unit}
				b.start()
				for i := range 5 {
					if _, res := b.do(chat(question(i), 20, true)); res.Unit != string(c.unit) || res.PriceOut != c.out {
						t.Errorf("%d %s", res.PriceOut, res.Unit)
					}
				}
				<-time.After(time.Minute)
				l := b.r.Leases()
				if len(l) != 1 || l[0].Unit != string(c.unit) || l[0].Budget != c.budget || l[0].Spent != l[0].Paid {
					t.Errorf("%+v", l)
				}
				for _, theirs := range b.p[0].Leases() {
					if theirs.Terms.Window != c.window || theirs.Terms.Unit != string(c.unit) {
						t.Errorf("%+v", theirs.Terms)
					}
				}
				if paid := b.books(); paid < 100*c.out/1_000_000 {
					t.Errorf("100 tokens for %d", paid)
				}
				b.end()
			})
		})
	}
}

// A provider that gives less credit than a window gets a smaller one, and its
// money sooner.
func TestWindowFitsCredit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.p[0].In, b.p[0].Out, b.p[0].Credit = 1_000_000, 3_000_000, 120
		b.cfg.PayIdle = time.Hour
		b.start()
		defer b.end()
		b.do(chat("hello", 25, true)) // 75 credits and a few
		<-time.After(2 * time.Second)
		l, theirs := b.r.Leases(), b.p[0].Leases()
		if len(theirs) != 1 || theirs[0].Terms.Window != 120 || l[0].Paid == 0 || l[0].Paid != l[0].Spent {
			t.Errorf("%+v; %+v", l, theirs)
		}
	})
}

// A rail with channels locks a window before the lease, and no longer than that
// lasts.
func TestFund(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.p[0].In, b.p[0].Out, b.p[0].Credit = 10_000_000, 30_000_000, 20_000
		l := b.in(payments.MicroUSDC)
		l.wait = 40 * time.Second // longer than a quote holds
		b.cfg.FirstByteMax, b.cfg.FirstByte = 3*time.Minute, 2*time.Minute
		b.start()
		b.do(chat("hello", 20, true))
		if h := l.holds(); len(h) != 1 || h[0] != (payments.Amount{Value: 20_000, Unit: payments.MicroUSDC}) {
			t.Errorf("locked: %v", h)
		}
		b.do(chat("hello again", 20, true))
		if n := len(l.holds()); n != 1 {
			t.Errorf("%d locks for one lease", n)
		}
		b.end()
		if n := len(l.holds()); n != 0 || l.released != 1 {
			t.Errorf("%d are locked after the lease, %d released", n, l.released)
		}
		if paid := b.books(); paid < 40*30 {
			t.Errorf("paid %d", paid)
		}
	})
}

// Where nothing can be locked there is no lease, and nobody is asked to work.
func TestFundFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		l := b.in(payments.MicroUSDC)
		l.fail = errors.New("the wallet is empty")
		b.start()
		defer b.end()
		if e := b.failed(chat("hello", 20, true), 503, infer.CodeNoProvider); !strings.Contains(e.Message, "the wallet is empty") {
			t.Error(e.Message)
		}
		if n, _, _ := b.p[0].Served(); n != 0 || len(b.p[0].Leases()) != 0 {
			t.Errorf("%d requests were served", n)
		}
	})
}

// Without its wallet the rail pays nothing, and says so before anybody is asked.
func TestNotReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		var mu sync.Mutex
		why := errors.New("no wallet is connected for rail x")
		b.deps.Ready = func() error {
			mu.Lock()
			defer mu.Unlock()
			return why
		}
		b.start()
		defer b.end()
		if e := b.failed(chat("hello", 5, true), 402, infer.CodeWallet); e.Message != why.Error() {
			t.Error(e.Message)
		}
		mu.Lock()
		why = nil
		mu.Unlock()
		b.do(chat("hello", 5, true))
	})
}

// A lease of before, on another rail, is paid there and is none of the hour's
// money here.
func TestRailChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.p[0].In, b.p[0].Out = 1_000_000, 3_000_000
		b.cfg.PayIdle = time.Hour
		b.start()
		b.do(chat("hello", 20, true))
		b.p[0].SetAway(true)
		b.stop()
		before := b.r.Leases()
		if len(before) != 1 || before[0].Paid != 0 {
			t.Fatalf("%+v", before)
		}
		b.p[0].SetAway(false)
		both := &both{map[payments.Unit]payments.Rail{payments.Credits: b.rail}, payments.MicroUSDC}
		b.deps.Rail = both
		b.cfg = infer.Default()
		m := b.cfg.Units[payments.MicroUSDC]
		m.HourCap = 10 // what the old lease cost would be over it
		b.cfg.Units[payments.MicroUSDC] = m
		b.p[0].In, b.p[0].Out = 0, 0
		b.start()
		defer b.end()
		b.do(chat("hello", 5, true))
		<-time.After(10 * time.Minute)
		for _, l := range b.r.Leases() {
			if l.Paid != l.Spent || l.Unit == "credits" && l.Paid == 0 {
				t.Errorf("%+v", l)
			}
		}
		b.books()
	})
}

// both pays each amount on the rail of its unit, as a node's set of rails does.
type both struct {
	rails map[payments.Unit]payments.Rail
	unit  payments.Unit
}

func (b *both) Name() string        { return "fake" }
func (b *both) Unit() payments.Unit { return b.unit }
func (b *both) Pay(ctx context.Context, p payments.Payment) (payments.Proof, error) {
	r, ok := b.rails[p.Amount.Unit]
	if !ok {
		return payments.Proof{}, payments.Fail(p.Ref, payments.NotCharged, payments.ErrUnit)
	}
	return r.Pay(ctx, p)
}
