package job

import (
	"fmt"
	"slices"

	"infernet.tech/infernet/payments"
)

// TooDear is what quotes come to of which each asks more for a shard than the
// whole job may cost.
type TooDear struct {
	Quotes int
	Shard  payments.Amount // the largest, at the cheapest quote
	Whole  payments.Amount // every result that is wanted, at that quote
}

// Dear adds up the quotes of those who were dropped for their price. ok is false
// where none was.
func (j Job) Dear(dropped []Dropped) (d TooDear, ok bool) {
	var most uint64
	for _, sh := range j.Shards {
		most = max(most, sh.Input.Units)
	}
	var best payments.Rate
	for _, x := range dropped {
		shard, err := payments.Price(x.Rate, most)
		if x.Rate.Unit != j.Budget.Unit || err != nil {
			continue
		}
		if d.Quotes++; d.Quotes == 1 || shard.Value < d.Shard.Value {
			d.Shard, best = shard, x.Rate
		}
	}
	if d.Quotes == 0 {
		return d, false
	}
	d.Whole = payments.Amount{Unit: j.Budget.Unit}
	for _, sh := range j.Shards {
		each, err := payments.Price(best, sh.Input.Units)
		for n := uint32(0); err == nil && n < sh.Wanted; n++ {
			d.Whole = plus(d.Whole, each)
		}
	}
	return d, true
}

// Reason says it, and to what the ceiling is to be raised.
func (d TooDear) Reason(p Payment) Reason {
	quotes := fmt.Sprintf("the cheapest of %d quotes", d.Quotes)
	if d.Quotes == 1 {
		quotes = "the only quote"
	}
	hint := "raise payment.max to at least " + maxText(d.Whole)
	if !p.Wait {
		hint += fmt.Sprintf(", or wait for somebody cheaper: payment: {max: %s, wait: true}", maxText(p.Max))
	}
	return Reason{
		Code: CodeBudget,
		Text: fmt.Sprintf("%s is %s a shard, and payment.max allows %s for the whole job", quotes, d.Shard.Human(), p.Max.Human()),
		Hint: hint,
	}
}

// allTooDear ends a job that nobody takes for what it may cost, unless it is to
// wait for somebody cheaper. Who is busy, or did not answer the first time, may
// be that.
func (m *machine) allTooDear() bool {
	dear, ok := m.j.Dear(m.j.Dropped)
	if !ok || m.j.Spec.Payment.Wait || slices.ContainsFunc(m.j.Candidates, func(c Candidate) bool { return !c.Validator }) {
		return false
	}
	for _, d := range m.j.Dropped {
		if d.Busy || d.Predicate == "slots" || m.j.Rounds < 2 && (d.Predicate == "quote" || d.Predicate == "offer") {
			return false
		}
	}
	m.end(StateFailed, dear.Reason(m.j.Spec.Payment))
	return true
}
