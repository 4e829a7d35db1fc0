package delivery_test

import (
	"testing"
	"testing/synctest"
	"time"

	. "infernet.tech/infernet/node/delivery"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
)

// small returns a configuration whose windows fill quickly.
func small(price uint64) Config {
	c := Default()
	c.Price, c.Window, c.PayAt, c.Lag = price, 8*mib, 2*mib, mib
	return c
}

// TestPriced moves content at a price: what came is paid, to the unit, in
// deliveries that both sides sign.
func TestPriced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		seller, buyer := n.join(small(1000)), n.join(small(0))
		seller.run()
		buyer.run()
		move(t, buyer, seller, 40*mib+5, 1000, false)
		<-time.After(5 * time.Second)
		move(t, buyer, seller, 3, 1000, false)
		<-time.After(5 * time.Second)
		const total = 40*mib + 8
		want := priceOf(t, 1000, total)
		paid, _ := balance(t, buyer, seller)
		_, got := balance(t, seller, buyer)
		if paid != want || got != want {
			t.Errorf("paid %d, received %d, want %d", paid, got, want)
		}
		checkReceipts(t, buyer, seller, total, want)
		if l := traffic(t, seller, buyer); l.Served != total || l.Unpaid != 0 || l.Earned != want || l.Fetched != 0 {
			t.Errorf("the seller sees %+v", l)
		}
		if l := traffic(t, buyer, seller); l.Fetched != total || l.Owed != 0 || l.Paid != want || l.Served != 0 {
			t.Errorf("the buyer sees %+v", l)
		}
	})
}

// checkReceipts wants both to have the same receipts of so many bytes.
func checkReceipts(t *testing.T, buyer, seller *party, bytes, amount uint64) {
	t.Helper()
	theirs := map[wire.ID]bool{}
	for _, r := range receipts(t, seller, buyer) {
		if r.Receipt.Provider == seller.id() {
			theirs[r.ID] = true
		}
	}
	var sum, money uint64
	var list []reputation.Record
	for _, r := range receipts(t, buyer, seller) {
		if r.Receipt.Provider != seller.id() {
			continue
		}
		list = append(list, r)
		sum, money = sum+r.Receipt.Units, money+r.Receipt.Amount
		if !theirs[r.ID] || !r.Countersigned || r.Receipt.Label != wire.LabelDelivered || r.Receipt.Provider != seller.id() || r.Receipt.Payer != buyer.id() {
			t.Errorf("receipt %+v", r.Receipt)
		}
		if _, err := reputation.VerifyReceipt(r.JSON()); err != nil {
			t.Error(err)
		}
	}
	if sum != bytes || money != amount || len(theirs) != len(list) || len(list) == 0 {
		t.Errorf("%d and %d receipts of %d bytes and %d credits, want %d and %d", len(list), len(theirs), sum, money, bytes, amount)
	}
}

// TestFree moves content within a job, and from a node that asks nothing: one
// receipt of all of it, no payment.
func TestFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		seller, buyer := n.join(small(1000)), n.join(small(0))
		seller.run()
		buyer.run()
		for range 3 {
			move(t, buyer, seller, 30*mib, 0, true)
			move(t, seller, buyer, mib, 0, false)
		}
		<-time.After(30 * time.Second)
		checkReceipts(t, buyer, seller, 90*mib, 0)
		if got := receipts(t, buyer, seller); len(got) != 2 { // one as buyer, one as seller
			t.Errorf("%d receipts", len(got))
		}
		if paid, got := balance(t, buyer, seller); paid+got != 0 {
			t.Errorf("paid %d, received %d", paid, got)
		}
		if l := traffic(t, buyer, seller); l.Fetched != 90*mib || l.Served != 3*mib || l.Owed+l.Unpaid != 0 {
			t.Errorf("%+v", l)
		}
	})
}
