package delivery

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
)

// sweep forgets in memory who rests, drops in the store who is long gone, and,
// when too many are left, who was not here for longest.
func (s *Service) sweep() error {
	if err := s.writeDown(); err != nil {
		return err
	}
	s.mu.Lock()
	s.forgetCustomers() // what they were given was just written down
	for k, t := range s.tabs {
		// One that is being dealt with has something open.
		t.mu.Lock()
		if t.idle() {
			delete(s.tabs, k)
		}
		t.mu.Unlock()
	}
	s.mu.Unlock()
	if err := s.sweepServed(); err != nil {
		return err
	}
	return s.sweepFetched()
}

// seen is when a served peer was here last.
type seen struct {
	peer identity.PubKey
	used int64
}

// served lists the peers in the store, who was not here for longest first, and
// those that owe something.
func (s *Service) served() (list []seen, owe []identity.PubKey, err error) {
	err = s.d.Store.View(func(r store.Reader) error {
		list, owe = nil, nil
		return r.Scan([]byte(servedPrefix), func(k, raw []byte) error {
			peer, err := identity.ParsePubKey(string(bytes.TrimPrefix(k, []byte(servedPrefix))))
			if err != nil {
				return nil
			}
			var rec given
			_ = json.Unmarshal(raw, &rec) // unreadable is old
			list = append(list, seen{peer, rec.Used})
			if rec.owes() {
				owe = append(owe, peer)
			}
			return nil
		})
	})
	slices.SortFunc(list, func(a, b seen) int { return cmp.Compare(a.used, b.used) })
	return list, owe, err
}

// sweepServed drops served peers. A peer that was served again by then has its
// meter in memory and keeps it.
func (s *Service) sweepServed() error {
	list, owe, err := s.served()
	if err != nil {
		return err
	}
	for _, peer := range owe { // it may have paid and not come back
		if c, err := s.hold(peer); err == nil {
			s.seePaid(context.Background(), c)
			s.release(c)
		}
	}
	before := s.d.Now().Add(-s.cfg.Keep).Unix()
	many := 0
	if len(list) > s.cfg.Peers/10*9 {
		many = len(list) - s.cfg.Peers/10*8
	}
	var gone []identity.PubKey
	for i, p := range list {
		if i >= many && p.used >= before {
			break
		}
		if !s.inMemory(p.peer) {
			gone = append(gone, p.peer)
		}
	}
	s.stored.Store(int64(len(list) - len(gone)))
	for part := range slices.Chunk(gone, perUpdate/4) {
		if err := s.dropServed(part); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) inMemory(peer identity.PubKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.customers[peer] != nil
}

// dropServed deletes all that is stored of served peers.
func (s *Service) dropServed(peers []identity.PubKey) error {
	return s.d.Store.Update(func(tx store.Txn) error {
		for _, peer := range peers {
			keys := [][]byte{servedKey(peer), pendingKey(peer)}
			err := tx.Scan([]byte(deliveryPrefix+peer.Hex()+"/"), func(k, _ []byte) error {
				keys = append(keys, bytes.Clone(k))
				return nil
			})
			for _, k := range keys {
				err = errors.Join(err, tx.Delete(k))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// sweepFetched drops accounts with providers that were not used for long.
func (s *Service) sweepFetched() error {
	before := s.d.Now().Add(-s.cfg.Keep).Unix()
	var gone [][]byte
	err := s.d.Store.View(func(r store.Reader) error {
		gone = nil
		return r.Scan([]byte(fetchedPrefix), func(k, raw []byte) error {
			if t, err := readTab(k, raw); err == nil && t.idle() && t.rec.Used < before {
				gone = append(gone, bytes.Clone(k))
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for part := range slices.Chunk(gone, perUpdate) {
		if err := s.deleteAll(part); err != nil {
			return err
		}
	}
	return nil
}
