package dht

import (
	"errors"
	"strconv"
	"testing"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
)

func recordKey(place int, who string) ds.Key {
	return ds.NewKey("/providers/p" + strconv.Itoa(place) + "/" + who)
}

func found(t *testing.T, r *recordStore, prefix string) int {
	t.Helper()
	res, err := r.Query(t.Context(), query.Query{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	all, err := res.Rest()
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestRecordStore(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r := newRecords(5, 3)
	put := func(place int, who string) error { return r.Put(ctx, recordKey(place, who), []byte{1}) }
	for i := range 5 {
		if err := put(i, "a"); (err == nil) != (i < 3) {
			t.Errorf("record %d of a: %v", i, err)
		}
	}
	if err := put(0, "a"); err != nil {
		t.Errorf("renewal: %v", err)
	}
	for _, who := range []string{"b", "c"} {
		if err := put(9, who); err != nil {
			t.Errorf("record of %s: %v", who, err)
		}
	}
	for range 2 {
		if err := r.Delete(ctx, recordKey(0, "a")); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	if err := put(9, "d"); err != nil {
		t.Errorf("after a delete: %v", err)
	}
	for prefix, want := range map[string]int{"/providers/p9": 3, "/providers/p1": 1, "/providers/p": 0, "/providers/": 5, "/other": 0} {
		if got := found(t, r, prefix); got != want {
			t.Errorf("%d records below %s, want %d", got, prefix, want)
		}
	}
	if v, err := r.Get(ctx, recordKey(9, "d")); err != nil || len(v) != 1 {
		t.Errorf("get: %v, %v", v, err)
	}
	if _, err := r.Get(ctx, recordKey(0, "a")); !errors.Is(err, ds.ErrNotFound) {
		t.Errorf("get what is gone: %v", err)
	}
}

// A full store makes room for who has little at the cost of who has much, and
// for nobody else.
func TestRecordStoreIsFair(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r := newRecords(100, 90)
	for i := range 100 {
		who := "greedy"
		if i >= 90 {
			who = "modest"
		}
		if err := r.Put(ctx, recordKey(i, who), []byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 30 {
		if err := r.Put(ctx, recordKey(200+i, "new"), []byte{1}); err != nil {
			t.Fatalf("newcomer's record %d: %v", i, err)
		}
	}
	if g, m, n := len(r.peers["greedy"]), len(r.peers["modest"]), len(r.peers["new"]); g != 60 || m != 10 || n != 30 || r.count != 100 {
		t.Errorf("greedy %d, modest %d, new %d, all %d", g, m, n, r.count)
	}
	if err := r.Put(ctx, recordKey(500, "greedy"), []byte{1}); !errors.Is(err, errFull) {
		t.Errorf("the greedy one's next record: %v", err)
	}
	if got := found(t, r, "/providers/"); got != 100 {
		t.Errorf("%d records in all", got)
	}
}
