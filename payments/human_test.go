package payments_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"infernet.tech/infernet/payments"
)

func TestParseHuman(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]payments.Amount{
		"12 credits":                  {Value: 12, Unit: payments.Credits},
		"1 credit":                    {Value: 1, Unit: payments.Credits},
		"50 sat":                      {Value: 50_000, Unit: payments.MilliSat},
		"1.5 sat":                     {Value: 1500, Unit: payments.MilliSat},
		"0.001 sats":                  {Value: 1, Unit: payments.MilliSat},
		"50000 msat":                  {Value: 50_000, Unit: payments.MilliSat},
		"0.00001 BTC":                 {Value: 1_000_000, Unit: payments.MilliSat},
		"0.25 USDC":                   {Value: 250_000, Unit: payments.MicroUSDC},
		"1.500000 usdc":               {Value: 1_500_000, Unit: payments.MicroUSDC},
		"250000 uusdc":                {Value: 250_000, Unit: payments.MicroUSDC},
		"0 sat":                       {Unit: payments.MilliSat},
		"4611686018427387904 credits": {Value: payments.MaxValue, Unit: payments.Credits},
	} {
		if got, err := payments.ParseHuman(s); err != nil || got != want {
			t.Errorf("%q: %v %v", s, got, err)
		}
	}
	for s, want := range map[string]error{
		"": payments.ErrSyntax, "12": payments.ErrSyntax, "12credits": payments.ErrSyntax, "12  credits": payments.ErrSyntax,
		"-1 sat": payments.ErrSyntax, "+1 sat": payments.ErrSyntax, "1e3 sat": payments.ErrSyntax, "1,5 sat": payments.ErrSyntax,
		"1. sat": payments.ErrSyntax, ".5 sat": payments.ErrSyntax, "01 sat": payments.ErrSyntax, "1.5 credits": payments.ErrSyntax,
		"0.0001 sat": payments.ErrSyntax, "0.0000001 USDC": payments.ErrSyntax, "1 dollar": payments.ErrSyntax, "1 sat ": payments.ErrSyntax,
		"0x10 sat": payments.ErrSyntax, "1_000 sat": payments.ErrSyntax, "٣ sat": payments.ErrSyntax, "1.2.3 sat": payments.ErrSyntax,
		"4611686018427387905 credits": payments.ErrOverflow, "18446744073709551616 credits": payments.ErrOverflow,
		"99999999999999999 sat": payments.ErrOverflow, "1000000000 BTC": payments.ErrOverflow,
	} {
		if got, err := payments.ParseHuman(s); !errors.Is(err, want) {
			t.Errorf("%q: %v %v, want %v", s, got, err, want)
		}
	}
}

func TestHumanRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		a := payments.Amount{
			Value: rapid.Uint64Range(0, payments.MaxValue).Draw(rt, "value"),
			Unit:  rapid.SampledFrom([]payments.Unit{payments.Credits, payments.MilliSat, payments.MicroUSDC}).Draw(rt, "unit"),
		}
		if got, err := payments.ParseHuman(a.Human()); err != nil || got != a {
			rt.Fatalf("%s: %v %v", a.Human(), got, err)
		}
	})
	if s := (payments.Amount{Value: 250_000, Unit: payments.MicroUSDC}).Human(); s != "0.25 USDC" {
		t.Error(s)
	}
}

// FuzzParseHuman wants an error, or an amount that Human writes and is read back.
func FuzzParseHuman(f *testing.F) {
	for _, s := range []string{"12 credits", "1.5 sat", "0.00001 BTC", "0.25 USDC", "1 msat", "00.1 sat"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := payments.ParseHuman(s)
		if err != nil {
			return
		}
		if again, err := payments.ParseHuman(a.Human()); err != nil || again != a || a.Validate() != nil {
			t.Fatalf("%q: %v, %q, %v %v", s, a, a.Human(), again, err)
		}
	})
}
