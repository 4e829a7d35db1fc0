package payments

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
)

// Sums are the balances of accounts: debits less credits. They add up to zero.
type Sums map[Account]int64

// Sums are kept under "sum/RAIL/UNIT/PEER", so that payments with different
// peers do not wait for each other; postings under "post/RAIL/ID".
func (j *Journal) sumKey(unit Unit, peer identity.PubKey) []byte {
	return []byte("sum/" + j.rail + "/" + string(unit) + "/" + peer.Hex())
}

func (j *Journal) postKey(id Ref) []byte { return []byte("post/" + j.rail + "/" + string(id)) }

// add moves an amount; undo moves it back.
func (s Sums) add(p Position, amount uint64, undo bool) error {
	if p == (Position{}) {
		return nil
	}
	n := int64(amount) // at most MaxValue
	if undo {
		n = -n
	}
	for _, x := range [...]struct {
		a Account
		d int64
	}{{p.Debit, n}, {p.Credit, -n}} {
		a, d := x.a, x.d
		sum := s[a] + d
		// Of two numbers below 2^63 with one sign the sum has another only by overflow.
		if (s[a] > 0) == (d > 0) && (sum > 0) != (d > 0) && s[a] != 0 {
			return fmt.Errorf("account %s: %w", a, ErrOverflow)
		}
		if s[a] = sum; sum == 0 {
			delete(s, a)
		}
	}
	return nil
}

// wrap is add for amounts that come in another order than they were entered in:
// on the way a sum may leave its range, and comes back, for at the end it is what
// it was when each step was checked.
func (s Sums) wrap(p Position, amount uint64) {
	s[p.Debit] += int64(amount)
	s[p.Credit] -= int64(amount)
	for _, a := range []Account{p.Debit, p.Credit} {
		if s[a] == 0 {
			delete(s, a)
		}
	}
}

func (j *Journal) sums(r store.Reader, unit Unit, peer identity.PubKey) (Sums, error) {
	raw, err := r.Get(j.sumKey(unit, peer))
	if errors.Is(err, store.ErrNotFound) {
		return Sums{}, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeSums(raw)
}

// decodeSums reads what saveSums writes, and the JSON, which begins with a
// brace, that was written before.
func decodeSums(raw []byte) (Sums, error) {
	s := Sums{}
	if len(raw) > 0 && raw[0] == '{' {
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, fmt.Errorf("%w: sums: %w", ErrCorrupt, err)
		}
		return s, nil
	}
	d := decoder{b: raw}
	if v := d.bytes(1); d.err == nil && v[0] != sumsVersion {
		d.fail("version %d", v[0])
	}
	for d.err == nil && len(d.b) > 0 {
		a := Account(d.text())
		s[a] = d.int()
	}
	if d.err != nil {
		return nil, fmt.Errorf("%w: sums: %w", ErrCorrupt, d.err)
	}
	return s, nil
}

const sumsVersion = 1

// saveSums writes a version byte, then the accounts in their order.
func (j *Journal) saveSums(tx store.Txn, unit Unit, peer identity.PubKey, s Sums) error {
	names := make([]Account, 0, len(s))
	for a := range s {
		names = append(names, a)
	}
	slices.Sort(names)
	b := append(make([]byte, 0, 1+24*len(s)), sumsVersion)
	for _, a := range names {
		b = binary.AppendVarint(appendText(b, string(a)), s[a])
	}
	return tx.Set(j.sumKey(unit, peer), b)
}

// sheet is the sums that one change of the journal reads and writes, each once.
type sheet struct {
	j    *Journal
	tx   store.Txn
	sums map[book]Sums
}

// move posts the change from one entry to the next under the same ref.
func (s *sheet) move(old, e Entry) error {
	var before Position
	if old.State != "" {
		before = s.j.rule(old)
	}
	after := s.j.rule(e)
	if before == after && old.Peer == e.Peer && old.Amount == e.Amount {
		return nil
	}
	if err := s.post(old.Peer, old.Amount, before, true); err != nil {
		return err
	}
	return s.post(e.Peer, e.Amount, after, false)
}

func (s *sheet) post(peer identity.PubKey, a Amount, p Position, undo bool) (err error) {
	if p == (Position{}) {
		return nil
	}
	b := book{a.Unit, peer}
	have, ok := s.sums[b]
	if !ok {
		if have, err = s.j.sums(s.tx, a.Unit, peer); err != nil {
			return err
		}
		if s.sums == nil {
			s.sums = map[book]Sums{}
		}
		s.sums[b] = have
	}
	return have.add(p, a.Value, undo)
}

func (s *sheet) save() error {
	for b, sums := range s.sums {
		if err := s.j.saveSums(s.tx, b.unit, b.peer, sums); err != nil {
			return err
		}
	}
	return nil
}

// Post enters a posting, once for its ID; At is set. Another under the same ID
// is ErrConflict. The zero peer stands for nobody.
func (j *Journal) Post(tx store.Txn, p Posting) error {
	err := errors.Join(p.ID.Validate(), p.Debit.Validate(), p.Credit.Validate(), p.Amount.Validate())
	if err == nil && (p.Amount.IsZero() || p.Debit == p.Credit || len(p.Why) > MaxMemo) {
		err = fmt.Errorf("posting %s: %w", p.ID, ErrSyntax)
	}
	if err != nil {
		return err
	}
	raw, err := tx.Get(j.postKey(p.ID))
	if err == nil {
		old := Posting{}
		if err := json.Unmarshal(raw, &old); err != nil {
			return fmt.Errorf("%w: posting: %w", ErrCorrupt, err)
		}
		p.At, old.Why = old.At, p.Why
		if p != old {
			return fmt.Errorf("posting %s: %w", p.ID, ErrConflict)
		}
		return nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := j.begin(tx); err != nil {
		return err
	}
	p.At = j.clock().UTC().Truncate(time.Millisecond)
	if raw, err = json.Marshal(p); err != nil {
		return err
	}
	sums := sheet{j: j, tx: tx}
	if err := errors.Join(sums.post(p.Peer, p.Amount, Position{p.Debit, p.Credit}, false), sums.save()); err != nil {
		return err
	}
	return tx.Set(j.postKey(p.ID), raw)
}

func (j *Journal) eachPosting(r store.Reader, fn func(Posting) error) error {
	return r.Scan(j.postKey(""), func(_, raw []byte) error {
		var p Posting
		if err := json.Unmarshal(raw, &p); err != nil {
			return fmt.Errorf("%w: posting: %w", ErrCorrupt, err)
		}
		return fn(p)
	})
}

// Sums returns the balances of the accounts with one peer in a unit.
func (j *Journal) Sums(unit Unit, peer identity.PubKey) (s Sums, err error) {
	if err := j.Prepare(); err != nil {
		return nil, err
	}
	err = j.s.View(func(r store.Reader) error {
		s, err = j.sums(r, unit, peer)
		return err
	})
	return s, err
}

// Total returns the balances of the accounts with all peers in a unit.
func (j *Journal) Total(unit Unit) (all Sums, err error) {
	if err := j.Prepare(); err != nil {
		return nil, err
	}
	err = j.s.View(func(r store.Reader) error {
		all = Sums{}
		return r.Scan([]byte("sum/"+j.rail+"/"+string(unit)+"/"), func(_, raw []byte) error {
			s, err := decodeSums(raw)
			for a, v := range s {
				all[a] += v
			}
			return err
		})
	})
	return all, err
}

// book is whose sums they are.
type book struct {
	unit Unit
	peer identity.PubKey
}

// Verify compares the sums with what every entry and posting says they must be
// and returns ErrSums for each that differs. It reads all, each entry once, and
// calls fn for it where fn is not nil.
func (j *Journal) Verify(r store.Reader, fn func(Entry) error) error {
	want := map[book]Sums{}
	into := func(peer identity.PubKey, a Amount, p Position) error {
		if p == (Position{}) {
			return nil
		}
		b := book{a.Unit, peer}
		if want[b] == nil {
			want[b] = Sums{}
		}
		want[b].wrap(p, a.Value)
		return nil
	}
	err := j.Each(r, Filter{}, func(e Entry) error {
		if fn != nil {
			if err := fn(e); err != nil {
				return err
			}
		}
		return into(e.Peer, e.Amount, j.rule(e))
	})
	if err == nil {
		err = j.eachPosting(r, func(p Posting) error { return into(p.Peer, p.Amount, Position{p.Debit, p.Credit}) })
	}
	if err != nil {
		return err
	}
	return j.compareSums(r, want)
}

func (j *Journal) compareSums(r store.Reader, want map[book]Sums) error {
	prefix := "sum/" + j.rail + "/"
	var bad []error
	err := r.Scan([]byte(prefix), func(k, raw []byte) error {
		unit, name, _ := strings.Cut(strings.TrimPrefix(string(k), prefix), "/")
		b := book{unit: Unit(unit)}
		if n, err := hex.Decode(b.peer[:], []byte(name[:min(len(name), 2*len(b.peer))])); err != nil || n != len(b.peer) {
			return fmt.Errorf("%w: sums of %.80q", ErrCorrupt, name)
		}
		have, err := decodeSums(raw)
		if err != nil {
			return err
		}
		if !maps.Equal(have, want[b]) {
			bad = append(bad, fmt.Errorf("%s %s: have %v, entries say %v: %w", unit, name, have, want[b], ErrSums))
		}
		delete(want, b)
		return nil
	})
	for b, s := range want {
		if len(s) != 0 {
			bad = append(bad, fmt.Errorf("%s %s: have nothing, entries say %v: %w", b.unit, b.peer.Short(), s, ErrSums))
		}
	}
	return errors.Join(append(bad, err)...)
}
