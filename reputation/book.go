package reputation

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// Book is all that a node knows of others: its own receipts and what is said
// by those it has paid. It is safe for use by many goroutines.
type Book struct {
	ledger   *Ledger
	opinions *Opinions

	mu    sync.Mutex
	trust *trust // nil: not looked yet
}

// NewBook opens the book of the node self in s, a store of its own (see
// store.Prefix), scoring with params. The receipts lie where those of a
// NewLedger in s do.
func NewBook(self identity.PubKey, s store.Store, params Params) (*Book, error) {
	l := NewLedger(self, s, params)
	o, err := openOpinions(l, store.Prefix(s, "opinions/"))
	if err != nil {
		return nil, err
	}
	return &Book{ledger: l, opinions: o}, nil
}

// Ledger returns the receipts.
func (b *Book) Ledger() *Ledger { return b.ledger }

// Opinions returns what others say.
func (b *Book) Opinions() *Opinions { return b.opinions }

// neighbourhood calls fn with the picture of who is near, drawn anew when it
// is out of date.
func (b *Book) neighbourhood(now time.Time, fn func(*trust)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opinions.mu.Lock()
	version, empty := b.opinions.version, len(b.opinions.authors) == 0
	b.opinions.mu.Unlock()
	if empty {
		fn(&trust{})
		return nil
	}
	if b.trust == nil || b.trust.version != version || now.Sub(b.trust.at).Abs() > trustTime {
		t, err := b.look(now)
		if err != nil {
			return err
		}
		b.trust = t
		b.opinions.mu.Lock()
		b.opinions.near = t.near
		b.opinions.mu.Unlock()
	}
	fn(b.trust)
	return nil
}

// Report signs a proof of fraud, takes it in and returns it for publishing. One
// that is known already returns ErrStale.
func (b *Book) Report(k *identity.Key, proof wire.FraudProof, now time.Time) (wire.Event, error) {
	e, err := wire.Seal(k, proof, now)
	if err != nil {
		return wire.Event{}, err
	}
	_, err = b.opinions.Add(e, now)
	return e, err
}

// Accuse makes proofs of the forks that came up since it was last called, takes
// them in and returns them for publishing.
func (b *Book) Accuse(k *identity.Key, now time.Time) (out []wire.Event, err error) {
	forks, err := b.ledger.Forks(identity.PubKey{})
	for _, f := range forks {
		if f.Told || err != nil {
			continue
		}
		e, why := b.Report(k, wire.FraudProof{Subject: f.Author, Fault: wire.FaultTwoReceipts, Docs: f.Docs[:]}, now)
		switch {
		case why == nil:
			out = append(out, e)
		case errors.Is(why, wire.ErrInvalid), errors.Is(why, ErrStale):
		default:
			return out, fmt.Errorf("accuse %s: %w", f.Author.Short(), why)
		}
		err = b.ledger.told(f)
	}
	return out, err
}
