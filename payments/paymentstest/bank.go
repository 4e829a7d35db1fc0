package paymentstest

import (
	"errors"
	"sync"

	"infernet.tech/infernet/p2p/identity"
)

// ErrPoor is returned when an account of a Bank has less than is to be moved.
var ErrPoor = errors.New("not enough in the bank")

// Bank is money in memory that outlives the nodes: who has how much, and every
// move by its id. It stands for a wallet or a chain.
type Bank struct {
	mu    sync.Mutex
	has   map[identity.PubKey]uint64
	moved map[string]uint64
}

// NewBank returns a bank in which each of them has so much.
func NewBank(each uint64, who ...identity.PubKey) *Bank {
	b := &Bank{has: map[identity.PubKey]uint64{}, moved: map[string]uint64{}}
	for _, w := range who {
		b.has[w] = each
	}
	return b
}

// Move moves money once for an id, however often it is called.
func (b *Bank) Move(id string, from, to identity.PubKey, amount uint64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.moved[id]; ok {
		return nil
	}
	if b.has[from] < amount {
		return ErrPoor
	}
	b.has[from] -= amount
	b.has[to] += amount
	b.moved[id] = amount
	return nil
}

// Moved is how much was moved under that id.
func (b *Bank) Moved(id string) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.moved[id]
}

// Has is how much somebody has.
func (b *Bank) Has(who identity.PubKey) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.has[who]
}
