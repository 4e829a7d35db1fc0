package paymentstest_test

import (
	"context"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/paymentstest"
)

func TestFakeConforms(t *testing.T) {
	t.Parallel()
	paymentstest.Conformance(t, func(t testing.TB) paymentstest.Pair {
		a, b, c := key(t), key(t), key(t)
		const limit = 100
		fakes, fault := paymentstest.NewFakes(limit, time.Now, a, b, c)
		return paymentstest.Pair{
			Payer: fakes[0], Payee: fakes[1], PayerID: a, PayeeID: b, Limit: limit, Net: true, Fault: fault,
			Third:  func() (payments.Rail, identity.PubKey) { return fakes[2], c },
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
