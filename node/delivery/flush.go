package delivery

import (
	"errors"
	"slices"
	"sync"

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
