package payments

import (
	"errors"
	"sync/atomic"

	"infernet.tech/infernet/store"
)

// readiness remembers that a journal's index was seen to be whole.
type readiness struct{ seen atomic.Bool }

// indexVersion is the value of "index/RAIL" once all entries are in the index
// and the sums: those of journals from before there was either are not.
const indexVersion = "2"

func (j *Journal) indexKey() []byte { return []byte("index/" + j.rail) }

// atATime is how many entries one update of Prepare puts into the index.
const atATime = 500

// Prepare makes the index and the sums whole where an older version of the
// program kept neither. All that needs them calls it; calling it again costs
// nothing. Entries may be written meanwhile.
func (j *Journal) Prepare() error {
	if j.ready.seen.Load() {
		return nil
	}
	whole, used := false, false
	err := j.s.View(func(r store.Reader) (err error) {
		whole, used, err = j.whole(r)
		return err
	})
	if err != nil || !whole && !used {
		return err // of no entries there is nothing to make
	}
	if !whole {
		err = j.rebuild()
	}
	if err == nil {
		j.ready.seen.Store(true)
	}
	return err
}

// begin marks a journal without entries as one whose index is whole from the
// start.
func (j *Journal) begin(tx store.Txn) error {
	if j.ready.seen.Load() {
		return nil
	}
	whole, used, err := j.whole(tx)
	if err != nil || used {
		j.ready.seen.CompareAndSwap(false, err == nil && whole)
		return err
	}
	return tx.Set(j.indexKey(), []byte(indexVersion))
}

// whole reports whether the index is, and otherwise whether there are entries.
func (j *Journal) whole(r store.Reader) (whole, used bool, err error) {
	raw, err := r.Get(j.indexKey())
	if err == nil && string(raw) == indexVersion {
		return true, true, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, false, err
	}
	err = r.Scan([]byte("entry/"+j.rail+"/"), func(_, _ []byte) error { return errEnough })
	if errors.Is(err, errEnough) {
		return false, true, nil
	}
	return false, false, err
}

func (j *Journal) rebuild() error {
	books := map[book]bool{}
	for _, d := range []Direction{Out, In} {
		for from := ""; ; {
			var part []Entry
			err := j.s.View(func(r store.Reader) error {
				part = nil
				return j.scanFrom(r, d, "", from, func(e Entry) error {
					if part = append(part, e); len(part) == atATime {
						return errEnough
					}
					return nil
				})
			})
			if err != nil && !errors.Is(err, errEnough) {
				return err
			}
			if len(part) == 0 {
				break
			}
			err = j.s.Update(func(tx store.Txn) error {
				for _, e := range part {
					books[book{e.Amount.Unit, e.Peer}] = true
					if err := j.index(tx, e); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			from = part[len(part)-1].name + "\x00"
		}
	}
	for b := range books {
		if err := j.s.Update(func(tx store.Txn) error { return j.resum(tx, b) }); err != nil {
			return err
		}
	}
	return j.s.Update(func(tx store.Txn) error { return tx.Set(j.indexKey(), []byte(indexVersion)) })
}

// resum makes the sums of one book anew from its entries. It reads the sums it
// replaces, so that it is done again when an entry comes between.
func (j *Journal) resum(tx store.Txn, b book) error {
	if _, err := j.sums(tx, b.unit, b.peer); err != nil {
		return err
	}
	s := Sums{}
	err := j.walkTimes(tx, Filter{Peer: b.peer}, func(e Entry) error {
		if e.Peer != b.peer || e.Amount.Unit != b.unit {
			return nil
		}
		return s.add(j.rule(e), e.Amount.Value, false)
	})
	if err == nil {
		err = j.eachPosting(tx, func(p Posting) error {
			if p.Peer != b.peer || p.Amount.Unit != b.unit {
				return nil
			}
			return s.add(Position{p.Debit, p.Credit}, p.Amount.Value, false)
		})
	}
	if err != nil {
		return err
	}
	return j.saveSums(tx, b.unit, b.peer, s)
}
