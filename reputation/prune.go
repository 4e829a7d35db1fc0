package reputation

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// Prune forgets receipts signed before that time and returns how many. They no
// longer weigh anything after six half-lives.
func (l *Ledger) Prune(before time.Time) (n int, err error) {
	var old []wire.ID
	err = l.s.View(func(r store.Reader) error {
		old = nil
		// Each receipt has a key under this node itself, with its date in it.
		prefix := "peer/" + l.self.Hex() + "/"
		return r.Scan([]byte(prefix), func(k, _ []byte) error {
			date, _, _ := strings.Cut(string(k[len(prefix):]), "/")
			id, err := wire.ParseID(string(k[max(0, len(k)-64):]))
			if err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			if at, err := strconv.ParseInt(date, 16, 64); err == nil && at < before.Unix() {
				old = append(old, id)
			}
			return nil
		})
	})
	for _, id := range old {
		if err == nil {
			err = l.drop(id)
			n++
		}
	}
	if err != nil {
		return n, err
	}
	return n, l.pruneForks(before)
}

// drop forgets one receipt, in a transaction of its own: together they may be
// too big for one.
func (l *Ledger) drop(id wire.ID) error {
	rec, err := l.Get(id)
	if err != nil {
		return err
	}
	_, err = l.admit(l.concerns(rec.Receipt), func(tx store.Txn) (change, error) { return change{stale: true}, l.remove(tx, rec) })
	return err
}
