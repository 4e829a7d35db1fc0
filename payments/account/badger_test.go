package account_test

import (
	"fmt"
	"testing"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/paymentstest"
	"infernet.tech/infernet/store"
)

// The books live through a restart of the node on the store it really uses.
func TestBooksOnDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := t.TempDir()
	open := func() *store.Badger {
		s, err := store.Open(dir, discard())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	disk := open()
	a, b := w.add(config(100), store.Prefix(disk, "a/")), w.add(config(100), store.Prefix(disk, "b/"))
	for i := range 3 {
		b.expect(a, fmt.Sprintf("j/%d/0", i), 5)
	}
	if _, err := a.now().Pay(t.Context(), pay(b, "j/0/0", 5)); err != nil {
		t.Fatal(err)
	}
	w.fault(paymentstest.LostReply)
	if _, err := a.now().Pay(t.Context(), pay(b, "j/1/0", 5)); payments.OutcomeOf(err) != payments.OutcomeUnknown {
		t.Fatal(err)
	}
	if err := disk.Close(); err != nil {
		t.Fatal(err)
	}
	disk = open()
	t.Cleanup(func() { disk.Close() })
	a.s, b.s = store.Prefix(disk, "a/"), store.Prefix(disk, "b/")
	a.restart()
	b.restart()
	if rep, err := a.now().Sweep(t.Context()); err != nil || rep.Settled != 1 {
		t.Fatalf("%+v %v", rep, err)
	}
	agree(t, a, b)
	if got := b.balance(a); got.Received != 10 || got.Expected != 5 {
		t.Fatalf("%+v", got)
	}
}
