package infer

import (
	"fmt"
	"maps"
	"time"

	"infernet.tech/infernet/payments"
)

// Money bounds what requests may cost on rails of one unit, and is in that
// unit.
type Money struct {
	// Budget is the most that one lease may cost, Window the most that is
	// unpaid at any time; a provider's quote may give less. A window is paid
	// when PayAt is reached.
	Budget, Window, PayAt uint64
	// HourCap is the most that this node spends on inference in an hour; 0 is
	// no limit.
	HourCap uint64
	// MaxPriceIn and MaxPriceOut bound the price per million tokens of requests
	// that bring no bound of their own; 0 is no limit.
	MaxPriceIn, MaxPriceOut uint64
	// CrashAllowance is how much of one lease is paid for though it was not seen
	// here: what was used between the last journal entry, one a second, and the
	// death of this node; and what a provider may have sent when it, or the way
	// to it, failed. It is also the most that a provider gains by breaking off
	// its answers and claiming more.
	CrashAllowance uint64
	// AuditFloor is what may be spent on replays in an hour in any case.
	AuditFloor uint64
}

// moneys are the usual bounds in units of money.
func moneys() map[payments.Unit]Money {
	const sat, cent = 1000, 10_000
	return map[payments.Unit]Money{
		payments.MilliSat:  {Budget: 2000 * sat, Window: 100 * sat, PayAt: 50 * sat, HourCap: 5000 * sat, CrashAllowance: 10 * sat, AuditFloor: 25 * sat},
		payments.MicroUSDC: {Budget: 100 * cent, Window: 5 * cent, PayAt: 2 * cent, HourCap: 200 * cent, CrashAllowance: cent / 2, AuditFloor: cent},
	}
}

func (m Money) validate() error {
	switch {
	case m.Window == 0 || m.Window > m.Budget:
		return fmt.Errorf("%w: the window is zero or over the budget", ErrConfig)
	case m.PayAt == 0 || m.PayAt > m.Window:
		return fmt.Errorf("%w: windows are to be paid after they are full", ErrConfig)
	}
	return nil
}

// paying returns c for a rail of that unit: Money is that unit's. What was said
// for credits is in Units then.
func (c Config) paying(unit payments.Unit) Config {
	if m, ok := c.Units[unit]; ok && unit != payments.Credits {
		c.Units = maps.Clone(c.Units)
		c.Units[payments.Credits], c.Money = c.Money, m
	}
	return c
}

// money are the bounds of a lease in that unit: one of an earlier run may be in
// another than the rail's.
func (r *Router) money(unit payments.Unit) Money {
	if m, ok := r.cfg.Units[unit]; ok && unit != r.d.Rail.Unit() {
		return m
	}
	return r.cfg.Money
}

// spent enters what a lease cost against the hour's limit, which is in the
// rail's unit.
func (r *Router) spent(c *record, amount uint64, at time.Time) {
	if c.Rate.Unit == r.d.Rail.Unit() {
		r.purse.add(amount, at)
	}
}

// payAt is what is unpaid when a window of a lease is due: a provider that lets
// less be unpaid is paid sooner.
func (m Money) payAt(limit uint64) uint64 {
	if limit >= m.Window {
		return m.PayAt
	}
	return min(m.PayAt, max(limit/2, 1))
}

// human writes an amount in the rail's unit for people.
func (r *Router) human(n uint64) string {
	return payments.Amount{Value: n, Unit: r.d.Rail.Unit()}.Human()
}
