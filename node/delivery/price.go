package delivery

import (
	"sync"
	"time"

	"infernet.tech/infernet/store"
)

// prices are what this node asks, and what it asked lately: a peer may have
// read an older one a moment ago.
type prices struct {
	mu   sync.Mutex
	now  uint64
	past []pastPrice
}

type pastPrice struct {
	Price uint64 `json:"price"`
	Until int64  `json:"until"` // unix seconds
}

// pricesRecord is what is stored of prices.
type pricesRecord struct {
	Now  uint64      `json:"now"`
	Past []pastPrice `json:"past,omitempty"`
}

// maxPast bounds the earlier prices that still hold.
const maxPast = 8

// holds reports whether an account of that price may be billed.
func (p *prices) holds(price uint64, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if price == 0 || price == p.now {
		return true
	}
	for _, old := range p.past {
		if old.Price == price && now.Unix() < old.Until {
			return true
		}
	}
	return false
}

// loadPrices takes up what was asked before this run and writes down what is
// asked now.
func (s *Service) loadPrices() error {
	var rec pricesRecord
	known, err := get(s.d.Store, []byte(pricesKey), &rec)
	if err != nil {
		return err
	}
	now := s.d.Now()
	p := &s.prices
	p.mu.Lock()
	defer p.mu.Unlock()
	if known && rec.Now == p.now {
		p.past = rec.Past
		return nil
	}
	next := pricesRecord{Now: p.now}
	if known && rec.Now > 0 {
		next.Past = append(next.Past, pastPrice{rec.Now, now.Add(s.cfg.OldPrice).Unix()})
	}
	for _, old := range rec.Past {
		if old.Until > now.Unix() && len(next.Past) < maxPast {
			next.Past = append(next.Past, old)
		}
	}
	p.past = next.Past
	return s.d.Store.Update(func(tx store.Txn) error { return set(tx, []byte(pricesKey), next) })
}
