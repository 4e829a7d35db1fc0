package paymentstest_test

import (
	"context"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments/paymentstest"
)

func TestFakeConforms(t *testing.T) {
	t.Parallel()
	paymentstest.Conformance(t, func(t testing.TB) paymentstest.Pair {
		a, b := key(t), key(t)
		const limit = 100
		fakes, fault := paymentstest.NewFakes(limit, time.Now, a, b)
		return paymentstest.Pair{
			Payer: fakes[0], Payee: fakes[1], PayerID: a, PayeeID: b, Limit: limit, Net: true, Fault: fault,
			Settle: func(context.Context) error { return fakes[0].Settle() },
		}
	})
}

func key(t testing.TB) identity.PubKey {
	t.Helper()
	k, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k.PubKey()
}
