package paymentstest

import (
	"context"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// Money is where the money of a rail is, in its unit, as its wallets and chains
// say and not its books.
type Money struct {
	PayerBegan, PayeeBegan uint64 // what each end had at first
	Payer, Payee           uint64 // what each has now, to spend as it likes
	Held                   uint64 // of either, locked in holds, channels, on its way
	Fees                   uint64 // gone to others
}

// checker is what of testing.TB and of rapid.T is needed.
type checker interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Conservation requires what must be so at every instant, whatever goes wrong:
// no money is made or lost, nobody paid more than it promised or calls more
// settled than came, both books are within the promises in flight of each other,
// and no exposure is over its window.
func Conservation(t checker, p Pair) {
	t.Helper()
	a, b := lineOf(t, p.Payer, p.PayeeID), lineOf(t, p.Payee, p.PayerID)
	oneWay(t, a, b)
	oneWay(t, b, a)
	if !p.Net {
		for _, x := range []payments.Balance{a, b} {
			if x.Exposure > x.Window {
				t.Fatalf("exposed by %d of a window of %d", x.Exposure, x.Window)
			}
		}
	}
	if p.Money == nil {
		return
	}
	m := p.Money()
	if began, now := m.PayerBegan+m.PayeeBegan, m.Payer+m.Payee+m.Held+m.Fees; began != now {
		t.Fatalf("there was %d, there is %d: %+v", began, now, m)
	}
	parted(t, "payer", a, int64(m.PayerBegan)-int64(m.Payer+m.Held+m.Fees))
	parted(t, "payee", b, int64(m.PayeeBegan)-int64(m.Payee+m.Held))
}

// parted requires that the money gone from one end, fees left out, is no more
// than it promised less what it says came: so it paid nothing twice, and calls
// nothing settled that did not come.
func parted(t checker, who string, b payments.Balance, went int64) {
	t.Helper()
	if went > int64(b.Paid+b.Pending)-int64(b.Settled) {
		t.Fatalf("%s: %d went, it promised %d and %d, and calls %d of what it received settled", who, went, b.Paid, b.Pending, b.Settled)
	}
}

// oneWay compares what from paid with what to received.
func oneWay(t checker, from, to payments.Balance) {
	t.Helper()
	if to.Received < from.Paid || to.Received > from.Paid+from.Pending {
		t.Fatalf("paid %d and %d in flight, received %d", from.Paid, from.Pending, to.Received)
	}
	if from.SettledOut > from.Paid || to.Settled > to.Received {
		t.Fatalf("settled %d of %d paid, %d of %d received", from.SettledOut, from.Paid, to.Settled, to.Received)
	}
}

func lineOf(t checker, r payments.Rail, peer identity.PubKey) payments.Balance {
	t.Helper()
	all, err := r.Balances(context.Background())
	if err != nil {
		t.Fatalf("balances: %v", err)
	}
	for _, b := range all {
		if b.Peer == peer {
			return b
		}
	}
	return payments.Balance{}
}
