package lntest_test

import (
	"testing"
	"time"

	"infernet.tech/infernet/payments/lightning/ln/lntest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	var net *lntest.Net
	lntest.Conformance(t, func(t *testing.T) lntest.Pair {
		net = lntest.New(nil)
		payer, payee := net.Node("payer"), net.Node("payee")
		net.Open(payer, payee, 500_000_000, 0)
		return lntest.Pair{
			Payer: payer, Payee: payee, Patience: time.Minute,
			Mine:  func(_ testing.TB, blocks int) { net.Mine(blocks) },
			Stop:  func(testing.TB) { payee.Stop() },
			Start: func(testing.TB) { payee.Start() },
		}
	})
	if err := net.Conserved(); err != nil {
		t.Error(err)
	}
}
