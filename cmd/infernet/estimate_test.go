package main

import (
	"bytes"
	"strings"
	"testing"

	"infernet.tech/infernet/node/api"
)

// A price that can only be one is not told as a range.
func TestEstimateTellsOnePriceOnce(t *testing.T) {
	t.Parallel()
	for high, want := range map[uint64]string{2: "cost      2 credits expected\n", 3: "expected, between 2 credits and 3 credits\n"} {
		var out, errw bytes.Buffer
		e := api.Estimate{Candidates: 1}
		e.Cost.Unit, e.Cost.Expected, e.Cost.Low, e.Cost.High = "credits", 2, 2, high
		newApp(nil, &out, &errw).showCosts(e)
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in %s", want, out.String())
		}
	}
}
