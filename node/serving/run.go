package serving

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"time"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// sweepEvery is how often what nobody can ask about any more is dropped.
const sweepEvery = 10 * time.Minute

// Run keeps the books until ctx ends: it writes the meter down and drops what
// is long over. What was used is written down before it returns.
func (s *Server) Run(ctx context.Context) error {
	if err := s.sweep(); err != nil {
		return err
	}
	flush, sweep := time.NewTicker(s.cfg.Flush), time.NewTicker(sweepEvery)
	defer flush.Stop()
	defer sweep.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return s.flush()
		case <-sweep.C:
			err = s.sweep()
		case <-flush.C:
			err = s.flush()
		case <-s.kick:
			err = s.flush()
		}
		if err != nil {
			// The next round writes the same again, and more.
			s.Log.Error("books of inference", "err", err)
		}
	}
}

// meterState is what one flush writes of a lease.
type meterState struct {
	t     *tenant
	l     *lease
	sum   record
	price uint64
}

// flush writes down every meter that is ahead of the store, in one update.
func (s *Server) flush() error {
	var list []meterState
	for _, t := range s.all() {
		t.mu.Lock()
		for _, l := range t.leases {
			if l.dirty {
				list = append(list, meterState{t, l, l.sum, l.price(l.sum.Meter.In, l.sum.Meter.Out)})
			}
		}
		t.mu.Unlock()
	}
	for len(list) > 0 {
		part := list[:min(len(list), 500)] // a transaction has a size
		list = list[len(part):]
		if err := s.writeMeters(part); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) writeMeters(list []meterState) error {
	// Windows are accepted beside this: the number of the next window tells
	// whether what was copied is older than what is stored.
	err := s.Store.Update(func(tx store.Txn) error {
		for _, m := range list {
			key := leaseKey(m.t.peer, m.l.terms.Job)
			stored, err := readStored(tx, key)
			if errors.Is(err, store.ErrNotFound) || err == nil && stored.sum.Next > m.sum.Next {
				continue
			}
			if err != nil {
				return err
			}
			if err := set(tx, key, m.sum); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, m := range list {
		m.t.mu.Lock()
		m.l.saved = max(m.l.saved, m.price)
		m.l.dirty = m.l.sum.Meter != m.sum.Meter || m.l.sum.Owed != m.sum.Owed
		m.t.mu.Unlock()
	}
	return nil
}

func readStored(r store.Reader, key []byte) (*lease, error) {
	raw, err := r.Get(key)
	if err != nil {
		return nil, err
	}
	return readLease(raw, time.Time{})
}

func (s *Server) all() []*tenant {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*tenant, 0, len(s.tenants))
	for _, t := range s.tenants {
		out = append(out, t)
	}
	return out
}

// sweep forgets tenants that rest, drops leases that are long over, their
// windows with them, and counts what is left.
func (s *Server) sweep() error {
	if err := s.flush(); err != nil {
		return err
	}
	s.mu.Lock()
	s.forget() // what they used was just written down
	s.mu.Unlock()
	var gone [][]byte
	kept, before := 0, s.Now().Add(-s.cfg.Keep).Unix()
	err := s.Store.View(func(r store.Reader) error {
		return r.Scan([]byte(leasePrefix), func(k, raw []byte) error {
			l, err := readLease(raw, time.Time{})
			unused := err == nil && l.sum.Next == 0 && l.sum.Meter == count{} && s.Now().Unix() > l.terms.Deadline+3600
			if err == nil && (l.terms.Deadline < before || unused) {
				gone = append(gone, bytes.Clone(k))
			} else {
				kept++
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, k := range gone {
		if err := s.dropLease(k); err != nil {
			return err
		}
	}
	return s.Store.Update(func(tx store.Txn) error {
		return tx.Set([]byte(countKey), strconv.AppendInt(nil, int64(kept), 10))
	})
}

// dropLease deletes a lease and its windows.
func (s *Server) dropLease(key []byte) error {
	name := key[len(leasePrefix):]
	s.unlist(name)
	return s.Store.Update(func(tx store.Txn) error {
		var windows [][]byte
		var err error
		for _, prefix := range []string{windowPrefix, shownPrefix} {
			err = errors.Join(err, tx.Scan([]byte(prefix+string(name)+"/"), func(k, _ []byte) error {
				windows = append(windows, bytes.Clone(k))
				return nil
			}))
		}
		for _, k := range windows {
			err = errors.Join(err, tx.Delete(k))
		}
		return errors.Join(err, tx.Delete(key))
	})
}

// unlist removes a lease, named PEER/JOB, from memory.
func (s *Server) unlist(name []byte) {
	peer, job, _ := bytes.Cut(name, []byte("/"))
	for _, t := range s.all() {
		if t.peer.Hex() != string(peer) {
			continue
		}
		id, err := wire.ParseID(string(job))
		if err != nil {
			return
		}
		t.mu.Lock()
		delete(t.leases, id)
		t.mu.Unlock()
	}
}
