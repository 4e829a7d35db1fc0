package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"infernet.tech/infernet/store"
)

func order(t *testing.T, s store.Store) {
	set(t, s, "b", "1", "a/2", "2", "a", "3", "a/10", "4", "a\xff", "5", "c", "6")
	set(t, s, "a/1", "7")
	want(t, s, "", "a=3", "a/1=7", "a/10=4", "a/2=2", "a\xff=5", "b=1", "c=6")
	want(t, s, "a/", "a/1=7", "a/10=4", "a/2=2")
	want(t, s, "a\xff", "a\xff=5")
	want(t, s, "zzz")
}

// scanFrom begins anywhere, at a key or between two, and never before the prefix.
func scanFrom(t *testing.T, s store.Store) {
	set(t, s, "a", "1", "p/1", "2", "p/2", "3", "p/3", "4", "q", "5")
	for from, want := range map[string]string{
		"": "1 2 3", "a": "1 2 3", "p/": "1 2 3", "p/2": "2 3", "p/20": "3", "p/3": "3", "p/4": "", "q": "", "z": "",
	} {
		read := func(r store.Reader) error {
			var got []string
			err := r.ScanFrom([]byte("p/"), []byte(from), func(k, _ []byte) error {
				got = append(got, string(k[2:]))
				return nil
			})
			if strings.Join(got, " ") != want {
				t.Errorf("from %q: %q, want %q", from, got, want)
			}
			return err
		}
		if err := errors.Join(s.View(read), s.Update(func(x store.Txn) error { return read(x) })); err != nil {
			t.Fatal(err)
		}
	}
}

func scanStops(t *testing.T, s store.Store) {
	set(t, s, "a", "1", "b", "2", "c", "3")
	stop := errors.New("enough")
	n := 0
	err := s.View(func(r store.Reader) error {
		return r.Scan(nil, func(k, v []byte) error {
			if n++; n == 2 {
				return stop
			}
			return nil
		})
	})
	if !errors.Is(err, stop) || n != 2 {
		t.Errorf("after %d calls: %v", n, err)
	}
}

func scanInUpdate(t *testing.T, s store.Store) {
	set(t, s, "a", "1", "b", "2", "c", "3")
	err := s.Update(func(x store.Txn) error {
		if err := errors.Join(x.Delete([]byte("b")), x.Set([]byte("bb"), []byte("new")), x.Set([]byte("a"), []byte("changed"))); err != nil {
			return err
		}
		if got, want := fmt.Sprint(dump(t, x, "")), "[a=changed bb=new c=3]"; got != want {
			t.Errorf("scan in update: got %s, want %s", got, want)
		}
		seen := 0
		err := x.Scan(nil, func(k, v []byte) error {
			seen++
			if err := x.Scan(nil, func(k, v []byte) error { return nil }); !errors.Is(err, store.ErrNestedScan) {
				t.Errorf("nested scan: %v", err)
			}
			return errors.Join(x.Set(append([]byte("z"), k...), v), x.Delete([]byte("c")))
		})
		if seen != 3 {
			t.Errorf("the scan saw %d keys; it must see neither writes nor deletions made during it", seen)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, "", "a=changed", "bb=new", "za=changed", "zbb=new", "zc=3")
}

func prefixes(t *testing.T, s store.Store) {
	one, two := store.Prefix(s, "one/"), store.Prefix(s, "two/")
	nested := store.Prefix(one, "deep/")
	set(t, one, "k", "1")
	set(t, two, "k", "2")
	set(t, nested, "k", "3")
	want(t, one, "", "deep/k=3", "k=1")
	want(t, two, "", "k=2")
	want(t, nested, "", "k=3")
	want(t, s, "", "one/deep/k=3", "one/k=1", "two/k=2")
	err := one.Update(func(x store.Txn) error {
		if _, err := x.Get([]byte("absent")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("get: %v", err)
		}
		for _, err := range []error{x.Set(nil, nil), x.Delete(nil)} {
			if !errors.Is(err, store.ErrKey) {
				t.Errorf("an empty key in a view: %v", err)
			}
		}
		return x.Delete([]byte("k"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := one.Close(); err != nil {
		t.Errorf("close of a view: %v", err)
	}
	want(t, s, "", "one/deep/k=3", "two/k=2")
}
