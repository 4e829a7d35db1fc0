package reputation_test

import (
	"testing"
	"time"

	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// BenchmarkReceipt issues a receipt, countersigns it, and keeps it: what one
// shard costs its client in this package, the provider's signature included.
func BenchmarkReceipt(b *testing.B) {
	p := newParties(b)
	l := newBook(b, p.payer, plain{}).Ledger()
	for i := range b.N {
		e := issue(b, l, p.payer, p.receipt(uint32(i)), now)
		if _, err := l.AddReceipt(p.both(b, e)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStanding asks about a peer with a thousand receipts, after each of
// which its account was asked for.
func BenchmarkStanding(b *testing.B) {
	p := newParties(b)
	book := newBook(b, p.payer, store.NewMem())
	for i := range 1000 {
		issue(b, book.Ledger(), p.payer, p.receipt(uint32(i)), now.Add(time.Duration(i)*time.Second))
	}
	for i := range b.N {
		standing(b, book, now.Add(time.Duration(i)*time.Millisecond), p.provider.PubKey(), reputation.App{}, "")
	}
}
