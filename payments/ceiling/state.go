package ceiling

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// Keys: "ceiling/sum" holds the state; "ceiling/ref/REF" a taking; and
// "ceiling/at/SLICE/REF" exists beside it, to find those of an old slice.
const (
	sumKey    = "ceiling/sum"
	refPrefix = "ceiling/ref/"
	atPrefix  = "ceiling/at/"
)

// state is what was taken within a Day, by slice, oldest first: at most 146.
type state struct {
	Slices []part `json:"slices"`
	Count  int    `json:"count"` // takings in them
	// Old are slices that no longer count, whose refs are still to be forgotten.
	Old []int64 `json:"old,omitempty"`
}

type part struct {
	At  int64  `json:"at"` // unix seconds at which the slice begins
	Sum uint64 `json:"sum"`
	N   int    `json:"n"`
}

// taking is what one ref took.
type taking struct {
	Amount uint64 `json:"amount"`
	Slice  int64  `json:"slice"`
}

func (d *Daily) load(r store.Reader) (st state, err error) {
	raw, err := r.Get([]byte(sumKey))
	if errors.Is(err, store.ErrNotFound) {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	if err := json.Unmarshal(raw, &st); err != nil {
		return state{}, fmt.Errorf("%w: ceiling: %w", payments.ErrCorrupt, err)
	}
	return st, nil
}

func (d *Daily) save(tx store.Txn, st state) error {
	raw, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return tx.Set([]byte(sumKey), raw)
}

// expire drops the slices of which no part is within the last Day.
func (st *state) expire(now time.Time) {
	for len(st.Slices) > 0 && !counts(st.Slices[0].At, now) {
		st.Old = append(st.Old, st.Slices[0].At)
		st.Count -= st.Slices[0].N
		st.Slices = st.Slices[1:]
	}
}

func counts(at int64, now time.Time) bool { return time.Unix(at, 0).Add(slice + Day).After(now) }

// left is the room under perDay.
func (st state) left(perDay uint64) uint64 {
	sum := uint64(0)
	for _, p := range st.Slices {
		sum = min(sum+p.Sum, payments.MaxValue)
	}
	return perDay - min(perDay, sum)
}

// add enters an amount and returns its slice. A clock that went back adds to the
// newest.
func (st *state) add(now time.Time, amount uint64) int64 {
	at := now.Truncate(slice).Unix()
	if n := len(st.Slices); n == 0 || st.Slices[n-1].At < at {
		st.Slices = append(st.Slices, part{At: at})
	}
	p := &st.Slices[len(st.Slices)-1]
	p.Sum, p.N = p.Sum+amount, p.N+1
	st.Count++
	return p.At
}

// sub takes an amount out of its slice again.
func (st *state) sub(at int64, amount uint64) {
	i := slices.IndexFunc(st.Slices, func(p part) bool { return p.At == at })
	if i < 0 {
		return // it no longer counts
	}
	p := &st.Slices[i]
	p.Sum, p.N = p.Sum-min(p.Sum, amount), max(p.N-1, 0)
	st.Count = max(st.Count-1, 0)
}

// freesAt is when so much more is left.
func (st state) freesAt(need uint64) time.Time {
	for _, p := range st.Slices {
		if need <= p.Sum {
			return time.Unix(p.At, 0).Add(slice + Day)
		}
		need -= p.Sum
	}
	return time.Time{}
}

func taken(r store.Reader, ref string) (*taking, error) {
	raw, err := r.Get([]byte(refPrefix + ref))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t := &taking{}
	if err := json.Unmarshal(raw, t); err != nil {
		return nil, fmt.Errorf("%w: ceiling: %w", payments.ErrCorrupt, err)
	}
	return t, nil
}

func atKey(at int64, ref string) string {
	return atPrefix + strconv.FormatInt(at, 10) + "/" + ref
}

func put(tx store.Txn, ref string, t taking) error {
	raw, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return errors.Join(tx.Set([]byte(refPrefix+ref), raw), tx.Set([]byte(atKey(t.Slice, ref)), []byte{}))
}

func drop(tx store.Txn, ref string, at int64) error {
	return errors.Join(tx.Delete([]byte(refPrefix+ref)), tx.Delete([]byte(atKey(at, ref))))
}

// maxForget bounds what one Take forgets of the past.
const maxForget = 256

// errEnough ends a scan early.
var errEnough = errors.New("enough")

// forget removes takings of the oldest slice that no longer counts.
func (st *state) forget(tx store.Txn) error {
	if len(st.Old) == 0 {
		return nil
	}
	prefix := []byte(atKey(st.Old[0], ""))
	var refs []string
	err := tx.Scan(prefix, func(k, _ []byte) error {
		if refs = append(refs, string(k[len(prefix):])); len(refs) == maxForget {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	for _, ref := range refs {
		if err := st.drop(tx, ref); err != nil {
			return err
		}
	}
	if len(refs) < maxForget {
		st.Old = st.Old[1:]
	}
	return nil
}

// drop removes what was kept of a ref in the oldest slice that no longer counts.
// The ref may have been taken anew since.
func (st *state) drop(tx store.Txn, ref string) error {
	t, err := taken(tx, ref)
	if err != nil {
		return err
	}
	if t != nil && t.Slice == st.Old[0] {
		return drop(tx, ref, t.Slice)
	}
	return tx.Delete([]byte(atKey(st.Old[0], ref)))
}
