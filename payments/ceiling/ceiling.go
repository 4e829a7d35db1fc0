// Package ceiling bounds what a node may spend in a day, whatever else goes
// wrong: every rail of money takes from it, in the same transaction in which it
// writes down that it will sign or pay, and before it does so.
//
// It refuses everything where no ceiling was set. It knows nothing of what is
// paid for. Only rails call it.
package ceiling

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// Day is the time over which spending is added up: of any Day, what was taken
// in it is at most what may be spent in one.
const Day = 24 * time.Hour

// slice is the width in which takings fall out of the sum again: a taking counts
// for a Day and up to one slice more.
const slice = 10 * time.Minute

// maxTakings is how many takings of a day are remembered by ref. Beyond them
// nothing is spent until some are a Day old.
const maxTakings = 200_000

// Daily is the ceiling of one rail. It is safe for use by many goroutines.
type Daily struct {
	s      store.Store
	unit   payments.Unit
	perDay atomic.Uint64
	clock  func() time.Time
}

// New returns the ceiling kept in s, which is the rail's own store: Take and
// Return are given transactions of it, and use keys under "ceiling/". perDay is
// in unit; 0 lets nothing be spent.
func New(s store.Store, unit payments.Unit, perDay uint64, clock func() time.Time) *Daily {
	d := &Daily{s: s, unit: unit, clock: clock}
	d.Set(perDay)
	return d
}

// Set changes the ceiling. What was taken before goes on counting: a lower one
// may leave nothing, and takes nothing back.
func (d *Daily) Set(perDay uint64) { d.perDay.Store(perDay) }

// Take counts amount as spent under ref, once: again under the same ref with the
// same amount it changes nothing, with another it is payments.ErrConflict. It
// returns payments.ErrCeiling, with what is left and when more is, where the
// last Day has no room for it.
func (d *Daily) Take(tx store.Txn, ref string, amount uint64) error {
	if err := payments.Ref(ref).Validate(); err != nil {
		return err
	}
	if amount == 0 || amount > payments.MaxValue {
		return fmt.Errorf("%d: %w", amount, payments.ErrOverflow)
	}
	st, err := d.load(tx)
	if err != nil {
		return err
	}
	t, err := taken(tx, ref)
	if err != nil {
		return err
	}
	now := d.clock()
	// What was taken longer ago than a Day no longer counts, so it counts anew.
	if t != nil && counts(t.Slice, now) {
		if t.Amount != amount {
			return fmt.Errorf("%s took %d before, not %d: %w", ref, t.Amount, amount, payments.ErrConflict)
		}
		return nil
	}
	st.expire(now)
	perDay := d.perDay.Load()
	if left := st.left(perDay); amount > left || st.Count >= maxTakings {
		return d.over(st, amount, left, perDay)
	}
	at := st.add(now, amount)
	return errors.Join(st.forget(tx), put(tx, ref, taking{Amount: amount, Slice: at}), d.save(tx, st))
}

// Return gives back what ref took, when it is certain that nothing was spent.
// Where nothing is taken, or a Day ago, no sum changes.
func (d *Daily) Return(tx store.Txn, ref string) error {
	t, err := taken(tx, ref)
	if err != nil || t == nil {
		return err
	}
	st, err := d.load(tx)
	if err != nil {
		return err
	}
	st.expire(d.clock())
	st.sub(t.Slice, t.Amount)
	return errors.Join(drop(tx, ref, t.Slice), d.save(tx, st))
}

// Left is what may still be spent now.
func (d *Daily) Left(context.Context) (payments.Amount, error) {
	left := payments.Amount{Unit: d.unit}
	err := d.s.View(func(r store.Reader) error {
		st, err := d.load(r)
		st.expire(d.clock())
		left.Value = st.left(d.perDay.Load())
		return err
	})
	return left, err
}

// PerDay is the ceiling itself.
func (d *Daily) PerDay() payments.Amount {
	return payments.Amount{Value: d.perDay.Load(), Unit: d.unit}
}

func (d *Daily) over(st state, amount, left, perDay uint64) error {
	human := func(v uint64) string { return payments.Amount{Value: v, Unit: d.unit}.Human() }
	if perDay == 0 {
		return fmt.Errorf("%s: no ceiling is set, so nothing is spent: %w", human(amount), payments.ErrCeiling)
	}
	if amount > perDay {
		return fmt.Errorf("%s, and never more than %s a day: %w", human(amount), human(perDay), payments.ErrCeiling)
	}
	return fmt.Errorf("%s, %s of %s a day is left, enough of it at %s: %w", human(amount), human(left), human(perDay),
		st.freesAt(amount-min(amount, left)).UTC().Format(time.RFC3339), payments.ErrCeiling)
}
