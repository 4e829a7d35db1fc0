package payments_test

import (
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
	for _, after := range []string{"0000000000000000/in/j/1/0!zz", "0000000000000000/in/j/1/0", "0000000000000000/out/j/1/0!" + a.Hex()[:32], "x/in/j"} {
		if _, _, err := j.Page(payments.Filter{After: after}); !errors.Is(err, payments.ErrCursor) {
			t.Errorf("%q: %v", after, err)
		}
	}
}
