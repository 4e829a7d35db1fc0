package serving

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// Keys: "lease/PEER/JOB" a record; "window/PEER/JOB/SEQ" a windowRecord;
// "shown/PEER/JOB/FIRST" a Disclosure, by the shard of its first row;
// "leases" how many records there are.
const (
	leasePrefix  = "lease/"
	windowPrefix = "window/"
	shownPrefix  = "shown/"
	countKey     = "leases"
)

// record is what is stored of a lease.
type record struct {
	Terms  wire.Event `json:"terms"`  // the Lease
	Answer wire.Event `json:"answer"` // what was answered to it
	Image  string     `json:"image"`  // the engine that was quoted
	Meter  count      `json:"meter"`
	Stated count      `json:"stated"` // by the windows that were accepted
	Next   uint32     `json:"next"`   // the next window's number
	Owed   uint64     `json:"owed"`   // of the last window accepted, until it is seen to be paid
	Ended  bool       `json:"ended"`
}

// windowRecord is what is stored of a window. Without Answer it was not
// accepted yet.
type windowRecord struct {
	Window     wire.Event  `json:"window"`
	Answer     *wire.Event `json:"answer,omitempty"`
	Receipt    *wire.Event `json:"receipt,omitempty"`
	Signed     *wire.Event `json:"signed,omitempty"`      // our Countersign of Receipt
	AcceptedMS int64       `json:"accepted_ms,omitempty"` // unix milliseconds
}

func leaseKey(peer identity.PubKey, job wire.ID) []byte {
	return []byte(leasePrefix + peer.Hex() + "/" + job.String())
}

func windowKey(peer identity.PubKey, job wire.ID, seq uint32) []byte {
	return fmt.Appendf(nil, "%s%s/%s/%08x", windowPrefix, peer.Hex(), job, seq)
}

func set(tx store.Txn, key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Set(key, raw)
}

// create stores a new lease; all are counted, so that strangers cannot fill
// the store.
func (s *Server) create(peer identity.PubKey, l *lease) error {
	return s.Store.Update(func(tx store.Txn) error {
		n, err := countLeases(tx)
		if err != nil {
			return err
		}
		// The count is in the store, as the leases are: memory holds only those
		// of clients who are here.
		if n >= s.cfg.Leases {
			return retry(60_000, CodeBusy, "too many leases")
		}
		if err := tx.Set([]byte(countKey), strconv.AppendInt(nil, int64(n+1), 10)); err != nil {
			return err
		}
		return set(tx, leaseKey(peer, l.terms.Job), l.sum)
	})
}

func countLeases(r store.Reader) (int, error) {
	raw, err := r.Get([]byte(countKey))
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(raw))
}

// loadLeases reads the tenant's leases. One that cannot be read is left out
// and logged: it must not keep the others from being paid.
func (s *Server) loadLeases(t *tenant) error {
	return s.Store.View(func(r store.Reader) error {
		return r.Scan([]byte(leasePrefix+t.peer.Hex()+"/"), func(k, raw []byte) error {
			l, err := readLease(raw, s.Now())
			if err != nil {
				s.Log.Error("stored lease unreadable", "key", string(k), "err", err)
				return nil
			}
			t.leases[l.terms.Job] = l
			return nil
		})
	})
}

func readLease(raw []byte, now time.Time) (*lease, error) {
	l := &lease{touched: now}
	if err := json.Unmarshal(raw, &l.sum); err != nil {
		return nil, err
	}
	var err error
	if l.terms, err = wire.Decode[wire.Lease](l.sum.Terms); err != nil {
		return nil, err
	}
	l.answer = l.sum.Answer
	// The meter may have been written down before a window that states more.
	m, w := &l.sum.Meter, l.sum.Stated
	m.In, m.Out, m.Requests = max(m.In, w.In), max(m.Out, w.Out), max(m.Requests, w.Requests)
	l.saved = l.price(m.In, m.Out)
	return l, nil
}

// loadWindow returns a stored window; known is false when there is none.
func (s *Server) loadWindow(peer identity.PubKey, job wire.ID, seq uint32) (rec windowRecord, known bool, err error) {
	err = s.Store.View(func(r store.Reader) error {
		raw, err := r.Get(windowKey(peer, job, seq))
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, &rec)
	})
	if errors.Is(err, store.ErrNotFound) {
		return rec, false, nil
	}
	return rec, err == nil, err
}

func (s *Server) saveWindow(peer identity.PubKey, job wire.ID, seq uint32, rec windowRecord, sum *record) error {
	return s.Store.Update(func(tx store.Txn) error {
		if sum != nil {
			if err := set(tx, leaseKey(peer, job), *sum); err != nil {
				return err
			}
		}
		return set(tx, windowKey(peer, job, seq), rec)
	})
}
