package payments_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// A journal as the first version wrote it: entries as JSON, no history, no
// index, no sums. It is read, found by peer and day, and goes on.
func TestFirstVersionIsRead(t *testing.T) {
	t.Parallel()
	s := store.NewMem()
	who := peer(t)
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	for i, st := range []payments.State{payments.StateCaptured, payments.StateCaptured, payments.StateHeld, payments.StateReleased} {
		e := map[string]any{
			"rail": "credit", "direction": "out", "ref": fmt.Sprintf("j/%d/0", i), "peer": who.String(),
			"amount": map[string]any{"value": 5, "unit": "credits"}, "state": st, "reason": "as it was", "tries": 1,
			"created": at.Add(time.Duration(i) * time.Hour), "updated": at.Add(time.Duration(i) * time.Hour), "doc": []byte("a note"),
		}
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Update(func(tx store.Txn) error {
			if st.Open() {
				if err := tx.Set([]byte(fmt.Sprintf("open/credit/out/j/%d/0", i)), []byte{1}); err != nil {
					return err
				}
			}
			return tx.Set([]byte(fmt.Sprintf("entry/credit/out/j/%d/0", i)), raw)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	j := payments.NewJournal("credit", s, time.Now)
	// Written before anything asked for the index.
	if err := s.Update(func(tx store.Txn) error {
		e, err := j.Get(tx, payments.Out, who, "j/2/0")
		if err != nil {
			return err
		}
		e.State, e.Answer = payments.StateCaptured, []byte("signed")
		_, err = j.Put(tx, e)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	page, next, err := j.Page(payments.Filter{Peer: who, Limit: 10})
	if err != nil || len(page) != 4 || next != "" || page[0].Ref != "j/3/0" || string(page[3].Doc) != "a note" {
		t.Fatalf("%+v %q %v", page, next, err)
	}
	if steps := page[1].Steps; len(steps) != 2 || steps[0].State != payments.StateHeld || steps[1].State != payments.StateCaptured {
		t.Fatalf("%+v", steps)
	}
	sums, err := j.Sums(payments.Credits, who)
	if err != nil || sums[payments.Spent] != 15 || sums[payments.Owing] != -15 || len(sums) != 2 {
		t.Fatalf("%v %v", sums, err)
	}
	if err := s.View(func(r store.Reader) error { return j.Verify(r, nil) }); err != nil {
		t.Fatal(err)
	}
	if open, err := j.List(payments.Filter{Open: true}); err != nil || len(open) != 0 {
		t.Fatal(open, err)
	}
}

// Reading an empty journal writes nothing.
func TestPrepareWritesNothingIntoNothing(t *testing.T) {
	t.Parallel()
	s := store.NewMem()
	j := payments.NewJournal("test", s, time.Now)
	if _, _, err := j.Page(payments.Filter{}); err != nil {
		t.Fatal(err)
	}
	if err := s.View(func(r store.Reader) error {
		return r.Scan(nil, func(k, _ []byte) error { return fmt.Errorf("a key %q", k) })
	}); err != nil {
		t.Fatal(err)
	}
}
