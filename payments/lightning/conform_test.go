package lightning_test

import (
	"context"
	"errors"
	"testing"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/paymentstest"
)

func TestRailConforms(t *testing.T) {
	t.Parallel()
	paymentstest.Conformance(t, func(t testing.TB) paymentstest.Pair {
		const scale, limit = 50 * sat, 5000 * sat
		w, a, b := routed(t, config(limit))
		began := w.router.coins(t)
		return paymentstest.Pair{
			Payer: a.now(), Payee: b.now(), PayerID: a.id(), PayeeID: b.id(), Limit: limit, Scale: scale, Fault: w.fault,
			Third: func() (payments.Rail, identity.PubKey) {
				c := w.add("third", config(limit))
				w.ln.Open(c.ln, w.router.ln, channel, channel)
				began += channel
				return c.now(), c.id()
			},
			Settle: func(ctx context.Context) error {
				_, err := a.now().Reconcile(ctx)
				_, berr := b.now().Reconcile(ctx)
				return errors.Join(err, berr, a.now().Check(ctx), b.now().Check(ctx), w.ln.Conserved())
			},
			Money: func() paymentstest.Money {
				return paymentstest.Money{
					PayerBegan: channel, PayeeBegan: channel, Payer: a.coins(t), Payee: b.coins(t),
					Fees: w.router.coins(t) - began,
				}
			},
		}
	})
}
