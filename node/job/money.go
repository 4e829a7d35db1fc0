package job

import (
	"fmt"
	"strconv"
	"time"

	"infernet.tech/infernet/payments"
)

var zeroTime time.Time

// fits reports whether a can be reserved without promising more than the budget.
func (m *machine) fits(a payments.Amount) bool {
	sum, err := m.j.Spent.Add(m.j.Reserved)
	if err != nil {
		return false
	}
	if sum, err = sum.Add(a); err != nil {
		return false
	}
	c, err := sum.Cmp(m.j.Budget)
	return err == nil && c <= 0
}

// plus and minus are for sums the machine itself keeps: they are bounded by the
// budget, so that a failure to add is no event a stranger could cause. They
// saturate rather than panic.
func plus(a, b payments.Amount) payments.Amount {
	if s, err := a.Add(b); err == nil {
		return s
	}
	return payments.Amount{Value: payments.MaxValue, Unit: a.Unit}
}

func minus(a, b payments.Amount) payments.Amount {
	if s, err := a.Sub(b); err == nil {
		return s
	}
	return payments.Amount{Unit: a.Unit}
}

// price is what c takes for the shard; false when it cannot be paid in the job's unit.
func (m *machine) price(c Candidate, sh *Shard) (payments.Amount, bool) {
	a, err := payments.Price(c.Rate, sh.Input.Units)
	return a, err == nil && a.Unit == m.j.Budget.Unit
}

// none is no money, in the unit of an attempt.
func none(a *Attempt) payments.Amount { return payments.Amount{Unit: a.Amount.Unit} }

// outlook is what the job would cost to its end: what is spent and reserved and
// every result still wanted, at the cheapest and at the dearest candidate's price.
func (m *machine) outlook() (low, high payments.Amount) {
	low = plus(m.j.Spent, m.j.Reserved)
	high = low
	type span struct {
		cheap, dear payments.Amount
		ok          bool
	}
	by := map[uint64]span{} // most shards have the same number of units
	for _, sh := range m.j.Shards {
		if sh.decided() || sh.dormant() {
			continue
		}
		coming, _ := sh.have()
		if coming >= int(sh.Wanted) {
			continue
		}
		p, seen := by[sh.Input.Units]
		if !seen {
			p.cheap, p.dear, p.ok = m.extremes(sh)
			by[sh.Input.Units] = p
		}
		for n := coming; p.ok && n < int(sh.Wanted); n++ {
			low, high = plus(low, p.cheap), plus(high, p.dear)
		}
	}
	return low, high
}

func (m *machine) extremes(sh *Shard) (cheap, dear payments.Amount, ok bool) {
	for _, c := range m.j.Candidates {
		p, can := m.price(c, sh)
		if !can || c.Validator || m.excluded(c.Provider) {
			continue
		}
		if !ok || p.Value < cheap.Value {
			cheap = p
		}
		if !ok || p.Value > dear.Value {
			dear = p
		}
		ok = true
	}
	return cheap, dear, ok
}

// maxText is an amount as payment.max takes it: credits without their unit.
func maxText(a payments.Amount) string {
	if a.Unit == payments.Credits {
		return strconv.FormatUint(a.Value, 10)
	}
	return a.Human()
}

func (m *machine) budgetReason() Reason {
	_, high := m.outlook()
	return Reason{
		Code: CodeBudget,
		Text: fmt.Sprintf("the budget of %s does not pay for another attempt: %s are spent, %s are reserved",
			m.j.Budget.Human(), m.j.Spent.Human(), m.j.Reserved.Human()),
		Hint: "set payment.max to " + maxText(high),
	}
}
