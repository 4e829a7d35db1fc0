package main

import (
	"slices"
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
