package delivery

import (
	"cmp"
	"encoding/json"
	"slices"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// Traffic is what went between this node and one peer, as far back as is
// remembered. Counts are bytes on streams, frames and nodes included.
type Traffic struct {
	Peer     identity.PubKey
	Served   uint64 // bytes given to the peer
	Fetched  uint64 // bytes taken from it
	Unpaid   uint64 // of those served, what the peer has yet to pay for
	Forgiven uint64 // of those served, what it will not have to pay for
	Owed     uint64 // of those fetched and found good, what this node has yet to pay for
	Unit     payments.Unit
	Earned   uint64 // in Unit
	Paid     uint64 // in Unit
}

// Traffic returns one line for each peer, most bytes first.
func (s *Service) Traffic() ([]Traffic, error) {
	lines := map[identity.PubKey]*Traffic{}
	line := func(p identity.PubKey) *Traffic {
		if lines[p] == nil {
			lines[p] = &Traffic{Peer: p, Unit: s.d.Rail.Unit()}
		}
		return lines[p]
	}
	served, fetched, err := s.records()
	if err != nil {
		return nil, err
	}
	for p, g := range served {
		t := line(p)
		t.Served, t.Unpaid, t.Forgiven = g.Free.Served+g.Priced.Served, g.Priced.unpaid(), g.Priced.Forgiven
		t.Earned = g.Earned
	}
	for k, r := range fetched {
		t := line(k.peer)
		t.Fetched += r.Fetched
		t.Paid += r.Paid
		if k.price > 0 && !(r.Open != nil && r.Open.State == paid) {
			t.Owed += r.Total - r.Done
		}
	}
	out := make([]Traffic, 0, len(lines))
	for _, t := range lines {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b Traffic) int {
		return cmp.Or(cmp.Compare(b.Served+b.Fetched, a.Served+a.Fetched), cmp.Compare(a.Peer.Hex(), b.Peer.Hex()))
	})
	return out, nil
}

// records are the stored records, those in memory over them.
func (s *Service) records() (map[identity.PubKey]given, map[tabKey]taken, error) {
	served, fetched := map[identity.PubKey]given{}, map[tabKey]taken{}
	err := s.d.Store.View(func(r store.Reader) error {
		err := r.Scan([]byte(servedPrefix), func(k, raw []byte) error {
			var g given
			if p, err := identity.ParsePubKey(string(k[len(servedPrefix):])); err == nil && json.Unmarshal(raw, &g) == nil {
				served[p] = g
			}
			return nil
		})
		if err != nil {
			return err
		}
		return r.Scan([]byte(fetchedPrefix), func(k, raw []byte) error {
			if t, err := readTab(k, raw); err == nil {
				fetched[t.key] = t.rec
			}
			return nil
		})
	})
	for _, c := range s.allCustomers() {
		<-c.known
		c.mu.Lock()
		if c.rec.Free.Served+c.rec.Priced.Served > 0 {
			served[c.peer] = c.copied()
		}
		c.mu.Unlock()
	}
	for _, t := range s.allTabs() {
		t.mu.Lock()
		fetched[t.key] = t.rec
		t.mu.Unlock()
	}
	return served, fetched, err
}

// Today tells how many bytes strangers were given today (UTC), of Config.Cap.
func (s *Service) Today() uint64 {
	used, _ := s.day.left(0, s.d.Now())
	return used
}
