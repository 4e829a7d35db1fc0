package payments_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// Over random walks of entries of every class, directions and peers the sums
// are what the entries say, add up to zero, and are the postings' own.
func TestSumsWalk(t *testing.T) {
	t.Parallel()
	peers := []identity.PubKey{peer(t), peer(t)}
	rapid.Check(t, func(rt *rapid.T) {
		s := store.NewMem()
		j := payments.NewJournal("test", s, time.Now)
		for i := range rapid.IntRange(1, 60).Draw(rt, "steps") {
			e := payments.Entry{
				Direction: rapid.SampledFrom([]payments.Direction{payments.Out, payments.In}).Draw(rt, "way"),
				Ref:       payments.Ref(rapid.SampledFrom([]string{"a/0/0", "b/0/0", "settle/1", "hold/a/0/0", "chain/1"}).Draw(rt, "ref")),
				Peer:      rapid.SampledFrom(peers).Draw(rt, "peer"),
				Amount:    payments.Amount{Value: rapid.SampledFrom([]uint64{1, 7, payments.MaxValue}).Draw(rt, "amount"), Unit: payments.MilliSat},
				State:     rapid.SampledFrom(states).Draw(rt, "to"),
			}
			err := s.Update(func(tx store.Txn) error {
				_, err := j.Put(tx, e)
				return err
			})
			if err != nil && !errors.Is(err, payments.ErrTransition) && !errors.Is(err, payments.ErrConflict) && !errors.Is(err, payments.ErrOverflow) {
				rt.Fatal(err)
			}
			if rapid.IntRange(0, 5).Draw(rt, "post") == 0 {
				p := payments.Posting{
					ID: payments.Ref(fmt.Sprintf("fee/%d", i)), Peer: peers[0], Debit: payments.Fees, Credit: payments.Wallet,
					Amount: payments.Amount{Value: 3, Unit: payments.MilliSat}, Why: "routing",
				}
				post := func() error { return s.Update(func(tx store.Txn) error { return j.Post(tx, p) }) }
				first := post()
				full := errors.Is(first, payments.ErrOverflow) // entries have filled the wallet's sum
				if first != nil && !full {
					rt.Fatal(first)
				}
				if err := post(); !full && err != nil { // the second changes nothing
					rt.Fatal(err)
				}
				p.Amount.Value = 4
				if err := post(); !full && !errors.Is(err, payments.ErrConflict) {
					rt.Fatal(err)
				}
			}
			if err := s.View(func(r store.Reader) error { return j.Verify(r, nil) }); err != nil {
				rt.Fatal(err)
			}
		}
		all, err := j.Total(payments.MilliSat)
		if err != nil {
			rt.Fatal(err)
		}
		sum := int64(0)
		for _, v := range all {
			sum += v
		}
		if sum != 0 {
			rt.Fatalf("the accounts add up to %d: %v", sum, all)
		}
		checkHistory(rt, j)
	})
}

// Entries are read in another order than they were entered in: sums at the edge
// of their range are proven all the same.
func TestSumsAtTheEdge(t *testing.T) {
	t.Parallel()
	s := store.NewMem()
	j, from := payments.NewJournal("test", s, time.Now), peer(t)
	for _, x := range []struct {
		ref   payments.Ref
		value uint64
		state payments.State
	}{
		{"a/0/0", payments.MaxValue, payments.StateQuoted}, {"settle/1", 1, payments.StateCaptured},
		{"b/0/0", payments.MaxValue, payments.StateQuoted},
	} {
		err := s.Update(func(tx store.Txn) error {
			_, err := j.Put(tx, payments.Entry{
				Direction: payments.In, Ref: x.ref, Peer: from, State: x.state,
				Amount: payments.Amount{Value: x.value, Unit: payments.MilliSat},
			})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.View(func(r store.Reader) error { return j.Verify(r, nil) }); err != nil {
		t.Error(err)
	}
}

// checkHistory requires that each entry's history ends where the entry is and
// that its postings come to what the entry means now.
func checkHistory(rt *rapid.T, j *payments.Journal) {
	list, err := j.List(payments.Filter{})
	if err != nil {
		rt.Fatal(err)
	}
	for _, e := range list {
		last := e.Steps[len(e.Steps)-1]
		if last.State != e.State || !last.At.Equal(e.Updated) || len(e.Steps) > 64 {
			rt.Fatalf("%+v", e)
		}
		sums, want := map[payments.Account]int64{}, map[payments.Account]int64{}
		for _, p := range j.Postings(e) {
			sums[p.Debit] += int64(p.Amount.Value)
			sums[p.Credit] -= int64(p.Amount.Value)
		}
		if p := payments.Books(e); p != (payments.Position{}) {
			want[p.Debit], want[p.Credit] = int64(e.Amount.Value), -int64(e.Amount.Value)
		}
		for a, v := range sums {
			if v != want[a] {
				rt.Fatalf("%s in %s: postings %v, position %v", e.Ref, e.State, sums, want)
			}
		}
	}
}

// Sums that were changed by something else are found.
func TestVerifyFindsDamage(t *testing.T) {
	t.Parallel()
	s := store.NewMem()
	j := payments.NewJournal("test", s, time.Now)
	fill(t, s, j, 3, 2)
	if err := s.View(func(r store.Reader) error { return j.Verify(r, nil) }); err != nil {
		t.Fatal(err)
	}
	var keys []string
	if err := s.View(func(r store.Reader) error {
		return r.Scan([]byte("sum/"), func(k, _ []byte) error { keys = append(keys, string(k)); return nil })
	}); err != nil || len(keys) != 2 {
		t.Fatal(keys, err)
	}
	for _, damage := range []func(store.Txn) error{
		func(tx store.Txn) error { return tx.Set([]byte(keys[0]), []byte(`{"owing":-1,"spent":1}`)) },
		func(tx store.Txn) error { return tx.Delete([]byte(keys[1])) },
	} {
		if err := s.Update(damage); err != nil {
			t.Fatal(err)
		}
		if err := s.View(func(r store.Reader) error { return j.Verify(r, nil) }); !errors.Is(err, payments.ErrSums) {
			t.Fatal(err)
		}
	}
}

// fill enters n captured payments to each of so many peers, at 100 a day.
func fill(t testing.TB, s store.Store, j *payments.Journal, n, peers int) (who []identity.PubKey) {
	t.Helper()
	for range peers {
		who = append(who, peer(t))
	}
	for i := range n {
		err := s.Update(func(tx store.Txn) error {
			for p := range who {
				e := payments.Entry{
					Direction: payments.Out, Ref: payments.NewRef(fmt.Sprintf("job%d", i%7), uint32(p), uint32(i)), Peer: who[p],
					Amount: payments.Amount{Value: uint64(i + 1), Unit: payments.Credits}, State: payments.StateCaptured, Reason: "paid",
				}
				if p%2 == 1 {
					e.Direction = payments.In
				}
				if _, err := j.Put(tx, e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return who
}

// A page after the other gives what a list sorted by hand does, whatever is
// asked for.
func TestPages(t *testing.T) {
	t.Parallel()
	s := store.NewMem()
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	j := payments.NewJournal("test", s, func() time.Time { now = now.Add(7 * time.Minute); return now })
	who := fill(t, s, j, 200, 3)
	all, err := j.List(payments.Filter{})
	if err != nil || len(all) != 600 {
		t.Fatal(len(all), err)
	}
	day := now.Truncate(24 * time.Hour)
	for _, f := range []payments.Filter{
		{}, {Peer: who[1]}, {Direction: payments.In}, {Peer: who[0], Direction: payments.In}, {Prefix: "job3/"},
		{Prefix: "job3/", Direction: payments.In, Since: day}, {Since: day}, {Until: day}, {Since: day.Add(-24 * time.Hour), Until: day},
		{Peer: who[2], Since: day.Add(-24 * time.Hour), Until: day}, {State: payments.StateHeld}, {Prefix: "none"},
	} {
		for _, limit := range []int{1, 7, 256, 0} {
			if limit == 1 && f.Prefix == "" && f.Peer.IsZero() {
				continue
			}
			f.Limit = limit
			got := pages(t, j, f)
			if want := byHand(all, f); !slices.Equal(got, want) {
				t.Fatalf("%+v: %d entries, want %d\n%v\n%v", f, len(got), len(want), got, want)
			}
		}
	}
	for _, bad := range []string{"x", "0000000000000000/out", "0000000000000000/up/a", "zzz/out/a"} {
		if _, _, err := j.Page(payments.Filter{After: bad}); !errors.Is(err, payments.ErrCursor) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func pages(t *testing.T, j *payments.Journal, f payments.Filter) (refs []string) {
	t.Helper()
	for {
		page, next, err := j.Page(f)
		if err != nil || f.Limit > 0 && len(page) > f.Limit || next != "" && len(page) == 0 {
			t.Fatalf("%d entries, next %q, %v", len(page), next, err)
		}
		for _, e := range page {
			refs = append(refs, string(e.Direction)+" "+string(e.Ref))
		}
		if f.After = next; next == "" {
			return refs
		}
	}
}

func byHand(all []payments.Entry, f payments.Filter) (refs []string) {
	var in []payments.Entry
	for _, e := range all {
		if (f.Peer.IsZero() || f.Peer == e.Peer) && (f.Direction == "" || f.Direction == e.Direction) && strings.HasPrefix(string(e.Ref), f.Prefix) &&
			(f.State == "" || f.State == e.State) && (f.Since.IsZero() || !e.Created.Before(f.Since)) && (f.Until.IsZero() || e.Created.Before(f.Until)) {
			in = append(in, e)
		}
	}
	slices.SortFunc(in, func(a, b payments.Entry) int {
		if c := b.Created.Compare(a.Created); c != 0 && f.Prefix == "" {
			return c
		}
		if a.Direction != b.Direction { // what was paid before what was received
			return -strings.Compare(string(a.Direction), string(b.Direction))
		}
		return strings.Compare(string(a.Ref), string(b.Ref))
	})
	for _, e := range in {
		refs = append(refs, string(e.Direction)+" "+string(e.Ref))
	}
	return refs
}

func TestGroups(t *testing.T) {
	t.Parallel()
	s := store.NewMem()
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	j := payments.NewJournal("test", s, func() time.Time { now = now.Add(time.Hour); return now })
	who := fill(t, s, j, 24, 2)
	for by, want := range map[payments.By]int{payments.ByJob: 7, payments.ByPeer: 2, payments.ByDay: 3} {
		got, err := j.Group(payments.Filter{}, by)
		if err != nil || len(got) != want {
			t.Fatalf("%s: %v %v", by, got, err)
		}
		var earned, spent uint64
		n := 0
		for _, g := range got {
			earned, spent, n = earned+g.Earned, spent+g.Spent, n+g.Count
		}
		if earned != 300 || spent != 300 || n != 48 {
			t.Fatalf("%s: earned %d, spent %d, %d payments", by, earned, spent, n)
		}
	}
	got, err := j.Group(payments.Filter{Peer: who[0], Prefix: "job0/"}, payments.ByDay)
	if err != nil || len(got) != 2 || got[0].Key != "2026-03-01" || got[0].Earned != 0 || got[0].Spent+got[1].Spent != 1+8+15+22 {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := j.Group(payments.Filter{}, "week"); !errors.Is(err, payments.ErrSyntax) {
		t.Fatal(err)
	}
}
