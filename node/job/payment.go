package job

import (
	"cmp"

	"infernet.tech/infernet/payments"
)

// unitOf is the unit of each rail that a job can name.
var unitOf = map[string]payments.Unit{
	RailCredit: payments.Credits, RailLightning: payments.MilliSat, RailPolygon: payments.MicroUSDC,
}

// exampleOf is a ceiling as people write it, for hints.
var exampleOf = map[string]string{RailCredit: "100", RailLightning: "500 sat", RailPolygon: "0.25 USDC"}

// UnitOf is the unit that a rail carries; "" of one that a job cannot name.
func UnitOf(rail string) payments.Unit { return unitOf[rail] }

// RailOf is the name of the rail that carries a unit; "" where none does.
func RailOf(unit payments.Unit) string {
	for rail, u := range unitOf {
		if u == unit {
			return rail
		}
	}
	return ""
}

// applyDefaults: an amount says by its unit on which rail it is paid, and a rail
// in which unit it is. Only credits have a ceiling of their own.
func (p *Payment) applyDefaults() {
	if p.Rail == "" {
		p.Rail = cmp.Or(RailOf(p.Max.Unit), RailCredit)
	}
	if p.Max.Unit == "" && p.Rail == RailCredit {
		p.Max = payments.Amount{Value: DefaultMax, Unit: payments.Credits}
	}
}

func (p Payment) check(v *checker) {
	v.oneOf("payment.rail", p.Rail, RailCredit, RailLightning, RailPolygon)
	unit, known := unitOf[p.Rail]
	if !known {
		return
	}
	v.say(p.Max.Unit != "", "payment.max", "payment: {rail: "+p.Rail+", max: "+exampleOf[p.Rail]+"}",
		"money is not spent without a ceiling")
	v.say(p.Max.Unit == "" || p.Max.Unit == unit, "payment.max", "write it as "+exampleOf[p.Rail],
		"%s cannot be paid on the %s rail", p.Max.Human(), p.Rail)
	v.say(p.Max.Unit == "" || p.Max.Validate() == nil, "payment.max", "", "%d is too much", p.Max.Value)
}
