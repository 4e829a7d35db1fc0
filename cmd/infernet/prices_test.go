package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"infernet.tech/infernet/payments"
)

func TestPrices(t *testing.T) {
	t.Parallel()
	var s settings
	if err := yaml.Unmarshal([]byte("price: 2\nprice-in: [3, 500 msat]\nprice-out: 0.5 sat\n"), &s); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Price, prices{"2"}) || !slices.Equal(s.PriceIn, prices{"3", "500 msat"}) || !slices.Equal(s.PriceOut, prices{"0.5 sat"}) {
		t.Errorf("%+v %+v %+v", s.Price, s.PriceIn, s.PriceOut)
	}
	credits, money, err := prices{"0.0001 USDC", "7", "2 sat"}.amounts("price")
	want := []payments.Amount{{Value: 100, Unit: payments.MicroUSDC}, {Value: 2000, Unit: payments.MilliSat}}
	if err != nil || credits == nil || *credits != 7 || !slices.Equal(money, want) {
		t.Errorf("%v %v %v", credits, money, err)
	}
	for _, bad := range []prices{{"-1"}, {"gold"}, {"5 gold"}, {"0.0000001 USDC"}, {"1", "2"}, {"1.5"}, {""}, {"1 sat", "5 msat"}} {
		if _, _, err := bad.amounts("price"); err == nil {
			t.Errorf("%q is a price", bad)
		}
	}
}

// Limits are written as prices are; what is no price is told of with what is.
func TestPriceFlags(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"900": true, "0.5 sat": true, "0.0002 USDC": true, "7 credits": true,
		"": false, "-5": false, "0.5": false, "5 gold": false, "0.0001 sat": false, "0.0000001 USDC": false, "1e3": false, "5sat": false,
	} {
		var to string
		err := priceFlag{&to}.Set(text)
		if ok != (err == nil) || ok && to != text {
			t.Errorf("%q: %q, %v", text, to, err)
		}
	}
	var credits uint64
	for text, want := range map[string]uint64{"5": 5, "6 credits": 6, "0": 0} {
		if err := (creditsFlag{&credits}).Set(text); err != nil || credits != want {
			t.Errorf("%q: %d, %v", text, credits, err)
		}
	}
	if err := (creditsFlag{&credits}).Set("5 sat"); err == nil {
		t.Error("content is paid in sat")
	}
	for _, c := range []struct{ a, b, want string }{{"", "5", "5"}, {"5", "", "5"}, {"5", "7", "5"}, {"0.5 sat", "400 msat", "400 msat"}} {
		if got, err := lower(c.a, c.b); err != nil || got != c.want {
			t.Errorf("of %q and %q: %q, %v", c.a, c.b, got, err)
		}
	}
	if _, err := lower("5", "1 sat"); err == nil {
		t.Error("credits and sat are compared")
	}
}

// What is wrong with an amount is told, and how one is written.
func TestMoneyWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"5": "has no unit", "5 EUR": `there is no unit "EUR"`, "-5 sat": "not negative", "0.0000001 USDC": "smallest step is 0.000001 USDC",
		"0.0005 sat": "smallest step is 0.001 sat", "1.5 credits": "smallest step is 1 credits", "99999999999999999999 sat": "too much", "": "has no unit", "x sat": "is no amount",
	} {
		_, err := money(text)
		var f *failure
		if !errors.As(err, &f) || f.exit != exitUsage || !strings.Contains(err.Error(), want) || f.hint == "" {
			t.Errorf("%q: %v", text, err)
		}
	}
	if a, err := money("0.25 USDC"); err != nil || a.Value != 250_000 {
		t.Errorf("%v, %v", a, err)
	}
}
