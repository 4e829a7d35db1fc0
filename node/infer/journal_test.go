package infer_test

import (
	"encoding/json"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/store"
)

// lagging is a store whose writes take a while, and which remembers how far the
// windows of each lease came.
type lagging struct {
	store.Store
	mu   sync.Mutex
	rank map[string]uint32
	back []string // leases that went backwards
}

var windowRank = map[string]uint32{"": 0, "stated": 1, "accepted": 2, "paid": 3}

func (s *lagging) Update(fn func(store.Txn) error) error {
	if rand.IntN(2) == 0 { // others overtake it
		<-time.After(60 * time.Millisecond)
	}
	if err := s.Store.Update(fn); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.View(func(r store.Reader) error {
		return r.Scan([]byte("lease/"), func(key, raw []byte) error {
			var c struct {
				Next uint32
				Open struct{ State string }
			}
			if err := json.Unmarshal(raw, &c); err != nil {
				return err
			}
			rank := 4*c.Next + windowRank[c.Open.State]
			if rank < s.rank[string(key)] {
				s.back = append(s.back, string(key))
			}
			s.rank[string(key)] = rank
			return nil
		})
	})
}

// TestJournalKeepsWindows pays windows while usage is journalled, on a slow
// disk: what is stored of a window is never overwritten by what was before it.
func TestJournalKeepsWindows(t *testing.T) {
	t.Parallel()
	b := newBed(t, 1)
	disk := &lagging{Store: b.deps.Store, rank: map[string]uint32{}}
	b.deps.Store = disk
	b.cfg, b.p[0].In, b.p[0].Out = patient(), 1_000_000, 1_000_000
	b.cfg.Budget, b.cfg.HourCap, b.cfg.Window, b.cfg.PayAt = 1_000_000, 0, 200, 1
	b.start()
	defer b.end()
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
		b.do(chat("what do I owe", 5, true))
		<-time.After(time.Millisecond)
	}
	disk.mu.Lock()
	defer disk.mu.Unlock()
	if len(disk.rank) != 1 || len(disk.back) > 0 {
		t.Errorf("%d leases, %d times one went backwards", len(disk.rank), len(disk.back))
	}
}
