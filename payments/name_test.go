package payments_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// What two payers call alike are two entries, in every list, and neither is
// moved, found or ended by the other's.
func TestRefIsEachPayersOwn(t *testing.T) {
	t.Parallel()
	s := store.NewMem()
	now := time.Unix(1_800_000_000, 0)
	j := payments.NewJournal("test", s, func() time.Time { now = now.Add(time.Second); return now })
	a, b := peer(t), peer(t)
	put := func(p identity.PubKey, ref payments.Ref, n uint64, st payments.State) error {
		return s.Update(func(tx store.Txn) error {
			_, err := j.Put(tx, payments.Entry{Direction: payments.In, Ref: ref, Peer: p, Amount: credits(n), State: st})
			return err
		})
	}
	err := errors.Join(put(a, "j/1/0", 3, payments.StateQuoted), put(b, "j/1/0", 5, payments.StateQuoted),
		put(a, "j/10/0", 1, payments.StateQuoted), put(b, "j/1/0", 5, payments.StateCaptured))
	if err != nil {
		t.Fatal(err)
	}
	if err := put(a, "j/1/0", 4, payments.StateCaptured); !errors.Is(err, payments.ErrConflict) {
		t.Fatalf("another amount: %v", err)
	}
	is := func(p identity.PubKey, n uint64, st payments.State) {
		t.Helper()
		if e, err := j.Of(payments.In, p, "j/1/0"); err != nil || e.Peer != p || e.Amount.Value != n || e.State != st {
			t.Fatalf("%+v, %v", e, err)
		}
	}
	is(a, 3, payments.StateQuoted)
	is(b, 5, payments.StateCaptured)
	if _, err := j.Of(payments.In, peer(t), "j/1/0"); !errors.Is(err, payments.ErrNoEntry) {
		t.Fatal(err)
	}
	if all, err := j.Under("j/1/0"); err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, f := range []payments.Filter{{Limit: 1}, {Limit: 1, Prefix: "j/"}} {
		var got []string
		for {
			page, next, err := j.Page(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				got = append(got, fmt.Sprint(e.Ref, e.Amount.Value))
			}
			if f.After = next; next == "" {
				break
			}
		}
		if len(got) != 3 {
			t.Fatalf("%+v: %v", f, got)
		}
	}
	if open, err := j.List(payments.Filter{Open: true}); err != nil || len(open) != 2 || open[0].Peer != a {
		t.Fatalf("%+v, %v", open, err)
	}
	for p, want := range map[identity.PubKey]int64{a: 4, b: 5} {
		if sums, err := j.Sums(payments.Credits, p); err != nil || sums[payments.Owed] != want {
			t.Fatalf("%v, %v", sums, err)
		}
	}
	if err := s.View(func(r store.Reader) error { return j.Verify(r, nil) }); err != nil {
		t.Fatal(err)
	}
	for _, after := range []string{"0000000000000000/in/j/1/0!zz", "0000000000000000/out/j/1/0!" + a.Hex()[:32], "x/in/j"} {
		if _, _, err := j.Page(payments.Filter{After: after}); !errors.Is(err, payments.ErrCursor) {
			t.Errorf("%q: %v", after, err)
		}
	}
}

// An entry from before payers were in the name is its payer's and nobody else's,
// and moves with all that finds it when it is next written.
func TestReceivedBeforeNames(t *testing.T) {
	t.Parallel()
	s := store.NewMem()
	a, b := peer(t), peer(t)
	raw, err := json.Marshal(payments.Entry{
		Rail: "test", Direction: payments.In, Ref: "j/0/0", Peer: a, Amount: credits(3), State: payments.StateQuoted,
		Created: time.Unix(1_700_000_000, 0), Updated: time.Unix(1_700_000_000, 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(func(tx store.Txn) error {
		return errors.Join(tx.Set([]byte("open/test/in/j/0/0"), []byte{1}), tx.Set([]byte("entry/test/in/j/0/0"), raw))
	})
	if err != nil {
		t.Fatal(err)
	}
	j := payments.NewJournal("test", s, time.Now)
	if _, err := j.Of(payments.In, b, "j/0/0"); !errors.Is(err, payments.ErrNoEntry) {
		t.Fatalf("another's: %v", err)
	}
	if page, _, err := j.Page(payments.Filter{Peer: a}); err != nil || len(page) != 1 { // makes the index
		t.Fatalf("%+v, %v", page, err)
	}
	put := func(e payments.Entry) error {
		return s.Update(func(tx store.Txn) error {
			_, err := j.Put(tx, e)
			return err
		})
	}
	if err := put(payments.Entry{Direction: payments.In, Ref: "j/0/0", Peer: b, Amount: credits(9), State: payments.StateQuoted}); err != nil {
		t.Fatal(err)
	}
	e, err := j.Of(payments.In, a, "j/0/0")
	if err != nil || e.State != payments.StateQuoted || e.Amount.Value != 3 {
		t.Fatalf("%+v, %v", e, err)
	}
	e.State = payments.StateCaptured
	if err := put(e); err != nil {
		t.Fatal(err)
	}
	for _, f := range []payments.Filter{{Peer: a}, {Peer: a, Prefix: "j/"}} {
		page, _, err := j.Page(f)
		if err != nil || len(page) != 1 || page[0].State != payments.StateCaptured || len(page[0].Steps) != 2 {
			t.Fatalf("%+v, %v", page, err)
		}
	}
	if open, err := j.List(payments.Filter{Open: true}); err != nil || len(open) != 1 || open[0].Peer != b {
		t.Fatalf("%+v, %v", open, err)
	}
	err = s.View(func(r store.Reader) error {
		if _, err := r.Get([]byte("entry/test/in/j/0/0")); !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("the old place is in use: %w", err)
		}
		return j.Verify(r, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
}
