package ceiling_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/ceiling"
	"infernet.tech/infernet/store"
)

// bed is a ceiling over a clock that the test moves.
type bed struct {
	s   *store.Mem
	now time.Time
	d   *ceiling.Daily
}

func newBed(perDay uint64) *bed {
	b := &bed{s: store.NewMem(), now: time.Unix(1_800_000_000, 0)}
	b.d = ceiling.New(b.s, payments.MilliSat, perDay, func() time.Time { return b.now })
	return b
}

func (b *bed) take(ref string, n uint64) error {
	return b.s.Update(func(tx store.Txn) error { return b.d.Take(tx, ref, n) })
}

func (b *bed) giveBack(ref string) error {
	return b.s.Update(func(tx store.Txn) error { return b.d.Return(tx, ref) })
}

func (b *bed) left(t testing.TB) uint64 {
	t.Helper()
	a, err := b.d.Left(t.Context())
	if err != nil || a.Unit != payments.MilliSat {
		t.Fatal(a, err)
	}
	return a.Value
}

func (b *bed) keys(t testing.TB) (n int) {
	t.Helper()
	err := b.s.View(func(r store.Reader) error {
		n = 0
		return r.Scan([]byte("ceiling/"), func(_, _ []byte) error { n++; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTakeAndReturn(t *testing.T) {
	t.Parallel()
	b := newBed(100_000)
	if err := errors.Join(b.take("settle/1", 60_000), b.take("settle/1", 60_000)); err != nil || b.left(t) != 40_000 {
		t.Fatal(err, b.left(t))
	}
	if err := b.take("settle/1", 1); !errors.Is(err, payments.ErrConflict) {
		t.Fatal(err)
	}
	err := b.take("settle/2", 50_000)
	for _, want := range []string{"50 sat", "40 sat of 100 sat", b.now.Add(ceiling.Day).UTC().Format("2006-01-02T15")} {
		if !errors.Is(err, payments.ErrCeiling) || !strings.Contains(err.Error(), want) {
			t.Fatalf("%v, want %q", err, want)
		}
	}
	if err := errors.Join(b.giveBack("settle/1"), b.giveBack("settle/1"), b.giveBack("never")); err != nil || b.left(t) != 100_000 {
		t.Fatal(err, b.left(t))
	}
	if err := b.take("settle/2", 100_001); !errors.Is(err, payments.ErrCeiling) {
		t.Fatal(err)
	}
	for _, n := range []uint64{0, payments.MaxValue + 1} {
		if err := b.take("settle/3", n); !errors.Is(err, payments.ErrOverflow) {
			t.Fatal(err)
		}
	}
	if err := b.take("with space", 1); !errors.Is(err, payments.ErrSyntax) {
		t.Fatal(err)
	}
}

// A ceiling that is changed counts what was taken under the one before.
func TestSet(t *testing.T) {
	t.Parallel()
	b := newBed(100)
	if err := b.take("a", 60); err != nil {
		t.Fatal(err)
	}
	b.d.Set(200)
	if left := b.left(t); left != 140 || b.d.PerDay().Value != 200 {
		t.Errorf("%d left of %v", left, b.d.PerDay())
	}
	b.d.Set(50)
	if err := b.take("b", 1); !errors.Is(err, payments.ErrCeiling) || b.left(t) != 0 {
		t.Errorf("over a lowered ceiling: %v, %d left", err, b.left(t))
	}
	if err := b.take("a", 60); err != nil {
		t.Errorf("what was taken before: %v", err)
	}
	b.d.Set(0)
	if err := b.take("c", 1); !errors.Is(err, payments.ErrCeiling) {
		t.Errorf("without a ceiling: %v", err)
	}
}

func TestNoCeilingSpendsNothing(t *testing.T) {
	t.Parallel()
	b := newBed(0)
	if err := b.take("settle/1", 1); !errors.Is(err, payments.ErrCeiling) || b.left(t) != 0 {
		t.Fatal(err)
	}
}

// What was taken in any 24 hours is never above the ceiling, at every instant,
// for takings, returns and repeats in any order and at any time.
func TestNeverOverInAnyDay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		const perDay = 1000
		b := newBed(perDay)
		type spent struct {
			at  time.Time
			sum uint64
		}
		live := map[string]spent{}
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			b.now = b.now.Add(time.Duration(rapid.IntRange(0, 8*3600).Draw(rt, "seconds")) * time.Second)
			ref, n := fmt.Sprintf("settle/%d", rapid.IntRange(0, 12).Draw(rt, "ref")), uint64(rapid.IntRange(1, 600).Draw(rt, "amount"))
			if rapid.IntRange(0, 4).Draw(rt, "do") == 0 {
				if err := b.giveBack(ref); err != nil {
					rt.Fatal(err)
				}
				delete(live, ref)
			} else if before, ok := live[ref]; !ok || before.at.Add(ceiling.Day+10*time.Minute).Before(b.now) {
				// Sooner it would be the same payment, which is not spent twice; what
				// is taken counts up to ten minutes longer than a day.
				switch err := b.take(ref, n); {
				case err == nil:
					live[ref] = spent{b.now, n}
				case !errors.Is(err, payments.ErrCeiling) && !errors.Is(err, payments.ErrConflict):
					rt.Fatal(err)
				}
			}
			sum := uint64(0)
			for _, s := range live {
				if s.at.After(b.now.Add(-ceiling.Day)) {
					sum += s.sum
				}
			}
			if left := b.left(t); sum > perDay || left > perDay-sum {
				rt.Fatalf("%d spent within a day, %d left of %d", sum, left, perDay)
			}
		}
	})
}

// A day later there is room again, and the store holds no more than a day.
func TestForgets(t *testing.T) {
	t.Parallel()
	b := newBed(1_000_000)
	for day := range 20 {
		for i := range 700 {
			if err := b.take(fmt.Sprintf("settle/%d/%d", day, i), 1000); err != nil {
				t.Fatal(err)
			}
		}
		if b.left(t) != 300_000 {
			t.Fatalf("day %d: %d left", day, b.left(t))
		}
		b.now = b.now.Add(ceiling.Day + 10*time.Minute)
	}
	if n := b.keys(t); n > 2*3*700 {
		t.Fatalf("%d keys", n)
	}
	if err := b.take("settle/0/0", 1000); err != nil {
		t.Fatal(err)
	}
}
