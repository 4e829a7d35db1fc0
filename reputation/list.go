package reputation

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// Get returns the receipt of that id, or ErrNotFound.
func (l *Ledger) Get(id wire.ID) (rec Record, err error) {
	err = l.s.View(func(r store.Reader) error {
		rec, err = get(r, id)
		return err
	})
	return rec, err
}

// ByJob returns the receipts of a job, by shard and attempt.
func (l *Ledger) ByJob(job wire.ID) ([]Record, error) {
	return l.list("attempt/"+job.String()+"/", 0, func(_, value string) string { return value })
}

// errFound ends a scan that has what it was for.
var errFound = errors.New("found")

// Jobs returns the first jobs and leases that there are receipts of and whose ids
// begin so in hex, at most most of them.
func (l *Ledger) Jobs(prefix string, most int) (out []wire.ID, err error) {
	err = l.s.View(func(r store.Reader) error {
		out = nil
		for from := "attempt/" + prefix; len(out) < most; {
			next := ""
			err := r.ScanFrom([]byte("attempt/"+prefix), []byte(from), func(k, _ []byte) error {
				next = string(k)
				return errFound
			})
			if err != nil && !errors.Is(err, errFound) || next == "" {
				return err
			}
			name, _, _ := strings.Cut(strings.TrimPrefix(next, "attempt/"), "/")
			id, err := wire.ParseID(name)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			out = append(out, id)
			from = "attempt/" + name + "0" // past all that is below its slash
		}
		return nil
	})
	return out, err
}

// ByPeer returns the receipts with peer on the other side, newest first, at
// most max of them; 0 is all.
func (l *Ledger) ByPeer(peer identity.PubKey, max int) ([]Record, error) {
	return l.list("peer/"+peer.Hex()+"/", max, func(key, _ string) string {
		return key[strings.LastIndexByte(key, '/')+1:]
	})
}

// list gathers ids in the order of keys and returns their records; with max it
// takes the last ones, last first, as ByPeer does in any case.
func (l *Ledger) list(prefix string, most int, id func(key, value string) string) (out []Record, err error) {
	err = l.s.View(func(r store.Reader) error {
		var ids []string
		err := r.Scan([]byte(prefix), func(k, v []byte) error {
			ids = append(ids, id(string(k), string(v)))
			return nil
		})
		if err != nil {
			return err
		}
		if strings.HasPrefix(prefix, "peer/") {
			slices.Reverse(ids)
		}
		if most > 0 && len(ids) > most {
			ids = ids[:most]
		}
		out = make([]Record, 0, len(ids))
		for _, s := range ids {
			parsed, err := wire.ParseID(s)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			rec, err := get(r, parsed)
			if err != nil {
				return err
			}
			out = append(out, rec)
		}
		return nil
	})
	return out, err
}

// maxEvidence bounds what one score is computed from; older receipts weigh next
// to nothing by the time there are so many.
const maxEvidence = 10_000

// Evidence returns what the receipts say of peer, oldest first, at most the
// newest 10,000.
func (l *Ledger) Evidence(peer identity.PubKey) (out []Evidence, err error) {
	err = l.s.View(func(r store.Reader) error {
		out = nil
		return l.scan(r, peer, func(e Evidence) { out = append(out, e) })
	})
	return out[max(0, len(out)-maxEvidence):], err
}

// scan calls fn with all evidence of peer: first its forks, then what its
// receipts say, oldest first.
func (l *Ledger) scan(r store.Reader, peer identity.PubKey, fn func(Evidence)) error {
	err := r.Scan([]byte(forkPrefix(peer)), func(_, raw []byte) error {
		var f Fork
		if err := json.Unmarshal(raw, &f); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		fn(f.evidence())
		return nil
	})
	if err != nil {
		return err
	}
	return r.Scan([]byte("peer/"+peer.Hex()+"/"), func(_, raw []byte) error {
		if len(raw) == 0 {
			return nil
		}
		var e indexed
		if err := json.Unmarshal(raw, &e); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if e.Version == indexVersion {
			fn(e.Evidence)
			return nil
		}
		rec, err := get(r, e.Receipt)
		if err != nil {
			return err
		}
		if again, ok := rec.about(peer, l.self); ok {
			fn(again)
		}
		return nil
	})
}

// Explain returns peer's score with each receipt's weight in it; of more than
// 10,000 the oldest are summed up.
func (l *Ledger) Explain(now time.Time, peer identity.PubKey) (x Explanation, err error) {
	var list []Evidence
	var older Explanation
	err = l.s.View(func(r store.Reader) error {
		list, older = nil, Explanation{}
		return l.scan(r, peer, func(e Evidence) {
			if list = append(list, e); len(list) == 2*maxEvidence {
				older = older.before(l.params.Explain(now, list[:maxEvidence]))
				list = append([]Evidence(nil), list[maxEvidence:]...)
			}
		})
	})
	if err != nil {
		return Explanation{}, err
	}
	if cut := len(list) - maxEvidence; cut > 0 {
		older = older.before(l.params.Explain(now, list[:cut]))
		list = list[cut:]
	}
	x = l.params.Explain(now, list)
	x.Older, x.Fraud = older.Older, x.Fraud || older.Fraud
	x.Good, x.Bad = x.Good+older.Older.Good, x.Bad+older.Older.Bad
	x.conclude()
	x.Chain, err = l.chain(peer)
	return x, err
}

// before adds what is older than all that will be listed.
func (x Explanation) before(more Explanation) Explanation {
	x.Older = Older{x.Older.Count + len(more.Items), x.Older.Good + more.Good, x.Older.Bad + more.Bad}
	x.Fraud = x.Fraud || more.Fraud
	return x
}

// Score returns peer's score; that of a newcomer is 0.
func (l *Ledger) Score(now time.Time, peer identity.PubKey) (float64, error) {
	x, err := l.Explain(now, peer)
	return x.Score, err
}

// Peers returns all with whom there is a receipt, in the order of keys.
func (l *Ledger) Peers() (out []identity.PubKey, err error) {
	err = l.s.View(func(r store.Reader) error {
		out = nil
		last := ""
		return r.Scan([]byte("peer/"), func(k, _ []byte) error {
			hex, _, _ := strings.Cut(string(k[len("peer/"):]), "/")
			if hex == last {
				return nil
			}
			last = hex
			peer, err := identity.ParsePubKey(hex)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			if peer != l.self {
				out = append(out, peer)
			}
			return nil
		})
	})
	return out, err
}
