package reputation

import (
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
)

// Book is all that a node knows of others: its own receipts and what is said
// by those it has paid. It is safe for use by many goroutines.
type Book struct {
	ledger   *Ledger
	opinions *Opinions
}

// NewBook opens the book of the node self in s, a store of its own (see
// store.Prefix), scoring with params.
func NewBook(self identity.PubKey, s store.Store, params Params) (*Book, error) {
	return &Book{ledger: NewLedger(self, s, params), opinions: &Opinions{}}, nil
}

// Ledger returns the receipts.
func (b *Book) Ledger() *Ledger { return b.ledger }

// Opinions returns what others say.
func (b *Book) Opinions() *Opinions { return b.opinions }
