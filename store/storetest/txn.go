package storetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"infernet.tech/infernet/store"
)

func rollback(t *testing.T, s store.Store) {
	set(t, s, "a", "1", "b", "2")
	failed := errors.New("failed")
	err := s.Update(func(x store.Txn) error {
		return errors.Join(x.Set([]byte("a"), []byte("wrong")), x.Delete([]byte("b")), x.Set([]byte("c"), []byte("wrong")), failed)
	})
	if !errors.Is(err, failed) {
		t.Errorf("update: %v", err)
	}
	want(t, s, "", "a=1", "b=2")
}

func panics(t *testing.T, s store.Store) {
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = s.Update(func(x store.Txn) error {
			_ = x.Set([]byte("a"), []byte("wrong"))
			panic("in the middle")
		})
	}()
	want(t, s, "")
	set(t, s, "a", "1") // the store is not left locked
	want(t, s, "", "a=1")
}

func isolation(t *testing.T, s store.Store) {
	set(t, s, "a", "1", "b", "1")
	view(t, s, func(r store.Reader) {
		set(t, s, "a", "2", "c", "2")
		if v, err := r.Get([]byte("a")); err != nil || string(v) != "1" {
			t.Errorf("a snapshot changed under its reader: %q, %v", v, err)
		}
		if got, want := fmt.Sprint(dump(t, r, "")), "[a=1 b=1]"; got != want {
			t.Errorf("scan: got %s, want %s", got, want)
		}
	})
	err := s.Update(func(x store.Txn) error {
		if err := x.Set([]byte("a"), []byte("3")); err != nil {
			return err
		}
		want(t, s, "", "a=2", "b=1", "c=2") // not visible before the commit
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, "", "a=3", "b=1", "c=2")
}

func ownWrites(t *testing.T, s store.Store) {
	err := s.Update(func(x store.Txn) error {
		if err := x.Set([]byte("a"), []byte("1")); err != nil {
			return err
		}
		if v, err := x.Get([]byte("a")); err != nil || string(v) != "1" {
			t.Errorf("get after set: %q, %v", v, err)
		}
		if err := x.Delete([]byte("a")); err != nil {
			return err
		}
		if _, err := x.Get([]byte("a")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("get after delete: %v", err)
		}
		return x.Set([]byte("b"), []byte("2"))
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, "", "b=2")
}

// counters has many goroutines increment one key: no increment may be lost.
func counters(t *testing.T, s store.Store) {
	const workers, each = 8, 25
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				if err := s.Update(func(x store.Txn) error { return add(x, "n", 1) }); err != nil {
					t.Errorf("update: %v", err)
				}
			}
		})
	}
	wg.Wait()
	view(t, s, func(r store.Reader) {
		if n := number(t, r, "n"); n != workers*each {
			t.Errorf("counted %d, want %d", n, workers*each)
		}
	})
}

// transfers moves amounts between accounts while readers check the total.
func transfers(t *testing.T, s store.Store) {
	const accounts, workers, each = 6, 4, 25
	account := func(i int) string { return fmt.Sprintf("account/%d", i) }
	err := s.Update(func(x store.Txn) error {
		for i := range accounts {
			if err := add(x, account(i), 100); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	total := func() (sum int64) {
		view(t, s, func(r store.Reader) {
			for i := range accounts {
				sum += number(t, r, account(i))
			}
		})
		return sum
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(w)))
			for range each {
				from, to, n := account(rnd.IntN(accounts)), account(rnd.IntN(accounts)), int64(rnd.IntN(50))
				err := s.Update(func(x store.Txn) error {
					return errors.Join(add(x, from, -n), add(x, to, n))
				})
				if err != nil {
					t.Errorf("update: %v", err)
				}
				if sum := total(); sum != accounts*100 {
					t.Errorf("the total became %d", sum)
				}
			}
		})
	}
	wg.Wait()
}

func add(x store.Txn, key string, n int64) error {
	v, err := x.Get([]byte(key))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	old, _ := binary.Varint(v)
	return x.Set([]byte(key), binary.AppendVarint(nil, old+n))
}

func number(t *testing.T, r store.Reader, key string) int64 {
	t.Helper()
	v, err := r.Get([]byte(key))
	if err != nil {
		t.Errorf("get %s: %v", key, err)
	}
	n, _ := binary.Varint(v)
	return n
}
