package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"infernet.tech/infernet/store"
)

// Conformance runs the whole suite, each part on a new empty store from open.
// The suite closes the stores.
func Conformance(t *testing.T, open func(t *testing.T) store.Store) {
	parts := []struct {
		name string
		run  func(t *testing.T, s store.Store)
	}{
		{"values", values}, {"keys", keys}, {"large", large},
		{"order", order}, {"scan from", scanFrom}, {"scan stops", scanStops}, {"scan in update", scanInUpdate},
		{"rollback", rollback}, {"panic", panics}, {"isolation", isolation},
		{"own writes", ownWrites}, {"copies", copies},
		{"counters", counters}, {"transfers", transfers},
		{"prefix", prefixes}, {"closed", closed},
	}
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			p.run(t, s)
		})
	}
}

// set writes key-value pairs in one update.
func set(t *testing.T, s store.Store, pairs ...string) {
	t.Helper()
	err := s.Update(func(x store.Txn) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := x.Set([]byte(pairs[i]), []byte(pairs[i+1])); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("update: %v", err)
	}
}

// dump lists what a scan of prefix sees as "key=value".
func dump(t *testing.T, r store.Reader, prefix string) []string {
	t.Helper()
	var out []string
	err := r.Scan([]byte(prefix), func(k, v []byte) error {
		out = append(out, fmt.Sprintf("%s=%s", k, v))
		return nil
	})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return out
}

// want compares the whole content under prefix.
func want(t *testing.T, s store.Store, prefix string, pairs ...string) {
	t.Helper()
	view(t, s, func(r store.Reader) {
		if got := dump(t, r, prefix); !slices.Equal(got, pairs) {
			t.Errorf("under %q: got %q, want %q", prefix, got, pairs)
		}
	})
}

func view(t *testing.T, s store.Store, fn func(store.Reader)) {
	t.Helper()
	if err := s.View(func(r store.Reader) error { fn(r); return nil }); err != nil {
		t.Fatalf("view: %v", err)
	}
}

func values(t *testing.T, s store.Store) {
	set(t, s, "a", "1", "empty", "")
	view(t, s, func(r store.Reader) {
		if v, err := r.Get([]byte("a")); err != nil || string(v) != "1" {
			t.Errorf("get: %q, %v", v, err)
		}
		if v, err := r.Get([]byte("empty")); err != nil || len(v) != 0 {
			t.Errorf("get of an empty value: %q, %v", v, err)
		}
		if _, err := r.Get([]byte("b")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("get of an absent key: %v", err)
		}
	})
	set(t, s, "a", "2")
	want(t, s, "", "a=2", "empty=")
	err := s.Update(func(x store.Txn) error {
		return errors.Join(x.Delete([]byte("a")), x.Delete([]byte("never there")))
	})
	if err != nil {
		t.Errorf("delete: %v", err)
	}
	want(t, s, "", "empty=")
}

func keys(t *testing.T, s store.Store) {
	long := bytes.Repeat([]byte{'k'}, store.MaxKey)
	err := s.Update(func(x store.Txn) error {
		for _, bad := range [][]byte{nil, {}, append(long, 'k')} {
			if err := x.Set(bad, nil); !errors.Is(err, store.ErrKey) {
				t.Errorf("set with a key of %d bytes: %v", len(bad), err)
			}
			if _, err := x.Get(bad); !errors.Is(err, store.ErrKey) {
				t.Errorf("get with a key of %d bytes: %v", len(bad), err)
			}
			if err := x.Delete(bad); !errors.Is(err, store.ErrKey) {
				t.Errorf("delete with a key of %d bytes: %v", len(bad), err)
			}
		}
		return errors.Join(x.Set(long, []byte("v")), x.Set([]byte{0}, []byte("zero")), x.Set([]byte{255, 255}, []byte("high")))
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, "", "\x00=zero", string(long)+"=v", "\xff\xff=high")
}

func large(t *testing.T, s store.Store) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 4<<20/16)
	err := s.Update(func(x store.Txn) error {
		return errors.Join(x.Set([]byte("big"), big), x.Set([]byte("small"), []byte("s")))
	})
	if err != nil {
		t.Fatal(err)
	}
	view(t, s, func(r store.Reader) {
		if v, err := r.Get([]byte("big")); err != nil || !bytes.Equal(v, big) {
			t.Errorf("got %d bytes, %v", len(v), err)
		}
	})
	err = s.Update(func(x store.Txn) error {
		return x.Set([]byte("small"), make([]byte, store.MaxValue+1))
	})
	if !errors.Is(err, store.ErrTooBig) {
		t.Errorf("set of an oversized value: %v", err)
	}
	view(t, s, func(r store.Reader) {
		if v, err := r.Get([]byte("small")); err != nil || string(v) != "s" {
			t.Errorf("small is %d bytes, %v", len(v), err)
		}
	})
}

func copies(t *testing.T, s store.Store) {
	key, value := []byte("key"), []byte("value")
	err := s.Update(func(x store.Txn) error {
		err := x.Set(key, value)
		copy(key, "xxx")
		copy(value, "xxxxx")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	view(t, s, func(r store.Reader) {
		v, _ := r.Get([]byte("key"))
		copy(v, "zzzzz")
		_ = r.Scan(nil, func(k, v []byte) error { copy(k, "yyy"); copy(v, "yyyyy"); return nil })
	})
	want(t, s, "", "key=value")
}

func closed(t *testing.T, s store.Store) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.View(func(store.Reader) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("view: %v", err)
	}
	if err := s.Update(func(store.Txn) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("update: %v", err)
	}
}
