package delivery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
)

// row is one record that is ahead of the store.
type row struct {
	saving *sync.Mutex // held
	key    []byte
	value  any
	over   func(err error)
}

// writeDown writes every meter that is ahead of the store, many in one update.
func (s *Service) writeDown() error {
	rows := append(s.customerRows(), s.tabRows()...)
	if r, ok := s.dayRow(); ok {
		rows = append(rows, r)
	}
	var failed error
	for part := range slices.Chunk(rows, perUpdate) {
		err := s.d.Store.Update(func(tx store.Txn) error {
			for _, r := range part {
				if err := set(tx, r.key, r.value); err != nil {
					return err
				}
			}
			return nil
		})
		for _, r := range part {
			r.over(err)
			if r.saving != nil {
				r.saving.Unlock()
			}
		}
		failed = errors.Join(failed, err)
	}
	return errors.Join(failed, s.unmark())
}

// unmark deletes the marks of receipts that the ledger has.
func (s *Service) unmark() error {
	s.mu.Lock()
	kept := s.kept
	s.kept = nil
	s.mu.Unlock()
	for part := range slices.Chunk(kept, perUpdate) {
		if err := s.deleteAll(part); err != nil {
			return err // they are kept again by the next run, which changes nothing
		}
	}
	return nil
}

func (s *Service) deleteAll(keys [][]byte) error {
	return s.d.Store.Update(func(tx store.Txn) error {
		for _, k := range keys {
			if err := tx.Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// customerRows are those of served peers. Their saving is held: what is copied
// here must not be written over what is stored meanwhile.
func (s *Service) customerRows() (rows []row) {
	for _, c := range s.allCustomers() {
		c.mu.Lock()
		dirty := c.dirty
		c.mu.Unlock()
		if !dirty {
			continue
		}
		c.saving.Lock()
		c.mu.Lock()
		rec := c.copied()
		c.dirty = false
		c.mu.Unlock()
		rows = append(rows, row{&c.saving, servedKey(c.peer), rec, func(err error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if err != nil {
				c.dirty = true
				return
			}
			c.saved = rec.Priced.Served
			s.isStored(c)
		}})
	}
	return rows
}

func (s *Service) tabRows() (rows []row) {
	for _, t := range s.allTabs() {
		t.mu.Lock()
		dirty := t.dirty
		t.mu.Unlock()
		if !dirty {
			continue
		}
		t.saving.Lock()
		t.mu.Lock()
		rec := t.rec
		t.dirty = false
		t.mu.Unlock()
		rows = append(rows, row{&t.saving, fetchedKey(t.key), rec, func(err error) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.dirty = t.dirty || err != nil
		}})
	}
	return rows
}

func (s *Service) dayRow() (row, bool) {
	s.day.mu.Lock()
	defer s.day.mu.Unlock()
	rec := dayRecord{s.day.at, s.day.used}
	if !s.day.dirty {
		return row{}, false
	}
	s.day.dirty = false
	return row{nil, []byte(dayKey), rec, func(err error) {
		s.day.mu.Lock()
		defer s.day.mu.Unlock()
		s.day.dirty = s.day.dirty || err != nil
	}}, true
}

// loadDay takes up what strangers were given today before this run.
func (s *Service) loadDay() error {
	var rec dayRecord
	known, err := get(s.d.Store, []byte(dayKey), &rec)
	if err != nil || !known {
		return err
	}
	s.day.mu.Lock()
	defer s.day.mu.Unlock()
	s.day.today(s.d.Now())
	if rec.Day == s.day.at {
		s.day.used += rec.Used
	}
	return nil
}

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

func (s *Service) sweepServed() error {
	var list []seen
	var owe []identity.PubKey
	err := s.d.Store.View(func(r store.Reader) error {
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
	if err != nil {
		return err
	}
	for _, peer := range owe { // it may have paid and not come back
		if c, err := s.hold(peer); err == nil {
			s.seePaid(context.Background(), c)
			s.release(c)
		}
	}
	slices.SortFunc(list, func(a, b seen) int { return int(min(max(a.used-b.used, -1), 1)) })
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
