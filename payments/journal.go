package payments

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
)

// Journal keeps the entries of one rail in a store, and the sums of its
// accounts. Its writes take the caller's transaction, so that an entry, the sums
// and the rail's own state change together or not at all.
type Journal struct {
	rail  string
	s     store.Store
	clock func() time.Time
	rule  Rule
	ready readiness
	peers peers
}

// CheckPayment is Payment.Validate for a rail of that unit, with each peer's key
// looked at once.
func (j *Journal) CheckPayment(p Payment, unit Unit) error {
	if err := p.check(unit); err != nil {
		return err
	}
	return j.peers.check(p)
}

// NewJournal returns the journal of the rail in s; clock gives the times of
// entries. Its accounts are those of Books.
func NewJournal(rail string, s store.Store, clock func() time.Time) *Journal {
	return &Journal{rail: rail, s: s, clock: clock, rule: Books}
}

// NewJournalBy is NewJournal with another rule for its accounts. The rule of a
// journal that has entries must not change.
func NewJournalBy(rule Rule, rail string, s store.Store, clock func() time.Time) *Journal {
	j := NewJournal(rail, s, clock)
	j.rule = rule
	return j
}

// Keys: "entry/RAIL/DIRECTION/NAME" holds the entry; "open/…" beside it exists
// while the state is open, so that reconciling costs what is open and not what
// ever was. Those of index.go find entries by time and peer, those of sums.go
// hold the accounts. NAME is in name.go.
func (j *Journal) key(d Direction, name string) []byte {
	return []byte("entry/" + j.rail + "/" + string(d) + "/" + name)
}

func (j *Journal) openKey(d Direction, name string) []byte {
	return []byte("open/" + j.rail + "/" + string(d) + "/" + name)
}

// Get returns the entry, or ErrNoEntry. In, it is what peer pays for ref, and
// nobody else. Out, it is what is paid for ref, whoever the payee: this node's
// refs are its own choice, and one of them is paid to one peer.
func (j *Journal) Get(r store.Reader, d Direction, peer identity.PubKey, ref Ref) (Entry, error) {
	if err := errors.Join(d.Validate(), ref.Validate()); err != nil {
		return Entry{}, err
	}
	e, err := j.named(r, d, nameOf(d, peer, ref))
	if err == nil && d == In && e.Peer != peer {
		return Entry{}, fmt.Errorf("%s of %s: %w", ref, e.Peer.Short(), ErrConflict) // half of a key alike
	}
	return e, err
}

// named returns the entry of that name, or ErrNoEntry.
func (j *Journal) named(r store.Reader, d Direction, name string) (Entry, error) {
	raw, err := r.Get(j.key(d, name))
	if errors.Is(err, store.ErrNotFound) {
		return Entry{}, fmt.Errorf("%s: %w", refOf(name), ErrNoEntry)
	}
	if err != nil {
		return Entry{}, err
	}
	return j.decode(d, name, raw)
}

// Put writes e over what is there after checking the step between the two
// states. Created, Updated and Tries are the journal's to set; peer and amount
// may change only when a released payment is begun anew.
func (j *Journal) Put(tx store.Txn, e Entry) (Entry, error) {
	all := []Entry{e}
	err := j.PutAll(tx, all)
	return all[0], err
}

// PutAll is Put of each, all or none, for the price of one set of sums. It
// completes the entries where they are.
func (j *Journal) PutAll(tx store.Txn, all []Entry) error {
	if err := j.begin(tx); err != nil {
		return err
	}
	sums := sheet{j: j, tx: tx}
	for i := range all {
		old, err := j.complete(tx, &all[i])
		if err == nil {
			err = errors.Join(sums.move(old, all[i]), j.write(tx, old, all[i]))
		}
		if err != nil {
			return err
		}
	}
	return sums.save()
}

// complete checks an entry against what is there, which it returns, and sets what
// is the journal's to set.
func (j *Journal) complete(tx store.Txn, e *Entry) (old Entry, err error) {
	if err := e.Payment().check(e.Amount.Unit); err != nil {
		return Entry{}, err
	}
	if _, err := sharedID(e.Shared); err != nil {
		return Entry{}, err
	}
	old, err = j.Get(tx, e.Direction, e.Peer, e.Ref)
	if err != nil && !errors.Is(err, ErrNoEntry) {
		return Entry{}, err
	}
	if err := old.State.Step(e.State); err != nil {
		return Entry{}, fmt.Errorf("%s: %w", e.Ref, err)
	}
	if old.State != "" && old.State != StateReleased {
		err = old.Same(e.Payment()) // and so is its peer, which was checked
	} else {
		err = j.peers.check(e.Payment())
	}
	if err != nil {
		return Entry{}, err
	}
	now := j.clock().UTC().Truncate(time.Millisecond)
	e.Rail, e.Created, e.Updated, e.Tries = j.rail, old.Created, now, old.Tries
	e.name = nameOf(e.Direction, e.Peer, e.Ref)
	if old.State == "" {
		e.Created = now
	}
	if e.State == StateHeld {
		e.Tries++
	}
	e.Reason = e.Reason[:min(len(e.Reason), maxReason)]
	e.Steps = stepped(old.Steps, Step{State: e.State, At: now, Times: 1, Reason: e.Reason})
	return old, nil
}

// Amend writes over an entry what is no part of its state: Reason, Memo, Doc,
// Answer, Secured. It returns ErrTransition when the state is not the stored
// one, ErrConflict when it is another payment.
func (j *Journal) Amend(tx store.Txn, e Entry) error {
	old, err := j.Get(tx, e.Direction, e.Peer, e.Ref)
	if err != nil {
		return err
	}
	if err := errors.Join(e.Payment().check(e.Amount.Unit), old.Same(e.Payment())); err != nil {
		return err
	}
	if old.State != e.State {
		return fmt.Errorf("%s: amend %s in state %s: %w", e.Ref, e.State, old.State, ErrTransition)
	}
	e.Rail, e.Created, e.Tries, e.Steps = j.rail, old.Created, old.Tries, old.Steps
	e.name = nameOf(e.Direction, e.Peer, e.Ref)
	last := &e.Steps[len(e.Steps)-1]
	last.Reason = e.Reason[:min(len(e.Reason), maxReason)]
	last.At = j.clock().UTC().Truncate(time.Millisecond)
	return j.write(tx, old, e)
}

func (j *Journal) write(tx store.Txn, old, e Entry) (err error) {
	name := nameOf(e.Direction, e.Peer, e.Ref)
	switch {
	case e.State.Open() && (old.State == "" || !old.State.Open()):
		err = tx.Set(j.openKey(e.Direction, name), []byte{1})
	case !e.State.Open() && old.State.Open():
		err = tx.Delete(j.openKey(e.Direction, name))
	}
	if err == nil && (old.State == "" || old.Peer != e.Peer) {
		err = j.index(tx, e)
	}
	if err != nil {
		return err
	}
	return tx.Set(j.key(e.Direction, name), e.encode())
}

// Status returns the entry for ref with peer, what was paid before what was
// received, or ErrNoEntry.
func (j *Journal) Status(peer identity.PubKey, ref Ref) (e Entry, err error) {
	err = j.s.View(func(r store.Reader) error {
		e, err = j.Get(r, Out, peer, ref)
		if errors.Is(err, ErrNoEntry) || err == nil && e.Peer != peer {
			e, err = j.Get(r, In, peer, ref)
		}
		return err
	})
	return e, err
}

// Of is Get in a transaction of its own.
func (j *Journal) Of(d Direction, peer identity.PubKey, ref Ref) (e Entry, err error) {
	err = j.s.View(func(r store.Reader) error {
		e, err = j.Get(r, d, peer, ref)
		return err
	})
	return e, err
}

// List returns the entries that f selects, those paid before those received,
// each ordered by ref.
func (j *Journal) List(f Filter) (out []Entry, err error) {
	err = j.s.View(func(r store.Reader) error {
		out = nil
		return j.Each(r, f, func(e Entry) error { out = append(out, e); return nil })
	})
	return out, err
}

// errEnough ends a scan early.
var errEnough = errors.New("enough")

// Each calls fn for what List would return, in one snapshot and without
// holding it all.
func (j *Journal) Each(r store.Reader, f Filter, fn func(Entry) error) error {
	n := 0
	count := func(e Entry) error {
		if !f.match(e) {
			return nil
		}
		if err := fn(e); err != nil {
			return err
		}
		if n++; n == f.Limit {
			return errEnough
		}
		return nil
	}
	for _, d := range []Direction{Out, In} {
		if f.Direction != "" && f.Direction != d {
			continue
		}
		if err := j.scan(r, d, f, count); err != nil {
			if errors.Is(err, errEnough) {
				return nil
			}
			return err
		}
	}
	return nil
}

func (j *Journal) scan(r store.Reader, d Direction, f Filter, fn func(Entry) error) error {
	if !f.Open {
		return j.scanFrom(r, d, f.Prefix, "", fn)
	}
	// Scans do not nest, so the open names are gathered first.
	var names []string
	err := r.Scan(j.openKey(d, f.Prefix), func(k, _ []byte) error {
		names = append(names, string(bytes.TrimPrefix(k, j.openKey(d, ""))))
		return nil
	})
	for i := 0; err == nil && i < len(names); i++ {
		var e Entry
		if e, err = j.named(r, d, names[i]); err == nil {
			err = fn(e)
		}
	}
	return err
}

// scanFrom calls fn for the entries whose refs begin with prefix and whose names
// are not before from.
func (j *Journal) scanFrom(r store.Reader, d Direction, prefix, from string, fn func(Entry) error) error {
	skip := len(j.key(d, ""))
	return r.ScanFrom(j.key(d, prefix), j.key(d, from), func(k, raw []byte) error {
		e, err := j.decode(d, string(k[skip:]), raw)
		if err != nil {
			return err
		}
		return fn(e)
	})
}

func (j *Journal) decode(d Direction, name string, raw []byte) (Entry, error) {
	e := Entry{Rail: j.rail, Direction: d, Ref: refOf(name), name: name}
	if err := e.decode(raw); err != nil {
		return Entry{}, fmt.Errorf("%s: %w", e.Ref, err)
	}
	return e, nil
}
