package job

import (
	"errors"
	"strings"
	"testing"

	"infernet.tech/infernet/payments"
)

func TestPayment(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]struct {
		rail string
		max  payments.Amount
		says string
	}{
		"":                                       {RailCredit, payments.Amount{Value: DefaultMax, Unit: payments.Credits}, ""},
		"payment: {max: 7}":                      {RailCredit, payments.Amount{Value: 7, Unit: payments.Credits}, ""},
		"payment: {max: 0}":                      {RailCredit, payments.Amount{Unit: payments.Credits}, ""},
		"payment: {max: 500 sat}":                {RailLightning, payments.Amount{Value: 500_000, Unit: payments.MilliSat}, ""},
		"payment: {max: 0.25 USDC}":              {RailPolygon, payments.Amount{Value: 250_000, Unit: payments.MicroUSDC}, ""},
		"payment: {rail: lightning, max: 1 sat}": {RailLightning, payments.Amount{Value: 1000, Unit: payments.MilliSat}, ""},
		"payment: {rail: lightning}":             {says: "without a ceiling"},
		"payment: {rail: lightning, max: 500}":   {says: "500 credits cannot be paid on the lightning rail"},
		"payment: {rail: polygon, max: 5 sat}":   {says: "cannot be paid on the polygon rail"},
		"payment: {rail: gold, max: 5}":          {says: `"gold" is not possible`},
		"payment: {max: 5 gold}":                 {says: "no amount"},
		"payment: {max: 7, wait: true}":          {RailCredit, payments.Amount{Value: 7, Unit: payments.Credits}, ""},
		"payment: {max: 7, wait: soon}":          {says: "true or false"},
		"payment: {max: -5}":                     {says: "no whole number"},
		"payment: {max: 0.0000001 USDC}":         {says: "no amount"},
	} {
		s, err := ParseSpec([]byte("name: x\ntask: {image: echo}\ninputs: [{path: a}]\n"+in), "x.yaml")
		var bad *SpecError
		switch {
		case want.says != "":
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), want.says) {
				t.Errorf("%s: %v, want %q", in, err, want.says)
			}
		case err != nil || s.Payment.Rail != want.rail || s.Payment.Max != want.max || s.Payment.Wait != strings.Contains(in, "wait"):
			t.Errorf("%s: %+v, %v", in, s.Payment, err)
		}
	}
}
