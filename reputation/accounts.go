package reputation

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
)

// begin notes an update under way: an account made meanwhile may or may not
// have it, and is not kept.
func (l *Ledger) begin(peer identity.PubKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing[peer]++
	if overtaken := l.making[peer]; overtaken != nil {
		*overtaken = true
	}
}

// end lets the account follow the update.
func (l *Ledger) end(peer identity.PubKey, c change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writing[peer]--; l.writing[peer] <= 0 {
		delete(l.writing, peer)
	}
	a := l.accounts[peer]
	switch {
	case a == nil:
	case c.stale:
		delete(l.accounts, peer)
	case c.old != nil && c.put != nil: // the same tale, better signed
		a.sum(l.params, *c.old, -1)
		a.sum(l.params, *c.put, 1)
	case c.put != nil:
		if !a.fold(l.params, *c.put) {
			delete(l.accounts, peer)
		}
	}
}

// with calls fn with the account of peer, which fn does not keep.
func (l *Ledger) with(peer identity.PubKey, fn func(*account)) error {
	l.mu.Lock()
	if a := l.accounts[peer]; a != nil {
		fn(a)
		l.mu.Unlock()
		return nil
	}
	overtaken := l.writing[peer] > 0
	mine := &overtaken
	l.making[peer] = mine
	l.mu.Unlock()

	// Added up outside the lock, from one snapshot of the store.
	a := &account{}
	err := l.s.View(func(r store.Reader) error {
		*a = account{valid: map[place]uint32{}}
		m, err := moves(r, peer)
		if err != nil {
			return err
		}
		a.moved = m.At
		return l.scan(r, peer, func(e Evidence) { a.fold(l.params, e) })
	})

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.making[peer] == mine {
		delete(l.making, peer)
		if err == nil && !overtaken && a.count > 0 && peer != l.self {
			l.accounts[peer] = a
		}
	}
	if err == nil {
		fn(a)
	}
	return err
}

// paid returns what this node verified and paid to each peer, in reference
// amounts, decayed.
func (l *Ledger) paid(now time.Time) (map[identity.PubKey]float64, error) {
	peers, err := l.Peers()
	if err != nil {
		return nil, err
	}
	out := map[identity.PubKey]float64{}
	for _, peer := range peers {
		err := l.with(peer, func(a *account) {
			if v := a.paid * decay(max(now.Sub(a.at), 0), l.params.HalfGood); v > 0 {
				out[peer] = v
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// maxNetworks bounds the networks remembered of one peer.
const maxNetworks = 8

// move is where a peer was seen.
type move struct {
	Networks []string  `json:"networks"` // newest last
	At       time.Time `json:"at"`       // when it came from elsewhere; zero: never
}

// moves returns where a peer was seen, the zero value for one never seen.
func moves(r store.Reader, peer identity.PubKey) (m move, err error) {
	raw, err := r.Get(movedKey(peer))
	if errors.Is(err, store.ErrNotFound) {
		return move{}, nil
	}
	if err == nil && json.Unmarshal(raw, &m) != nil {
		err = fmt.Errorf("%w: networks of a peer", ErrCorrupt)
	}
	return m, err
}

// Seen notes the network that a peer is in, any word that is the same for the
// same network and at most 64 bytes. A peer of which there are receipts and
// that comes from elsewhere than ever before is on probation. Nothing is
// written of strangers.
func (l *Ledger) Seen(now time.Time, peer identity.PubKey, network string) error {
	known := false
	err := l.with(peer, func(a *account) { known = a.count > 0 })
	if err == nil && known {
		err = l.s.View(func(r store.Reader) error { // nearly always nothing is new
			m, err := moves(r, peer)
			known = !slices.Contains(m.Networks, network)
			return err
		})
	}
	if err != nil || !known || network == "" || len(network) > 64 {
		return err
	}
	_, err = l.admit(peer, func(tx store.Txn) (change, error) {
		m, err := moves(tx, peer)
		if err != nil || slices.Contains(m.Networks, network) {
			return change{}, err
		}
		if len(m.Networks) > 0 {
			m.At = now
		}
		m.Networks = append(m.Networks, network)
		m.Networks = m.Networks[max(0, len(m.Networks)-maxNetworks):]
		raw, err := json.Marshal(m)
		if err != nil {
			return change{}, err
		}
		return change{stale: true}, tx.Set(movedKey(peer), raw)
	})
	return err
}
