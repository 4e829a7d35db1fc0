package store_test

import (
	"testing"

	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("mem", func(t *testing.T) {
		storetest.Conformance(t, func(*testing.T) store.Store { return store.NewMem() })
	})
	t.Run("badger", func(t *testing.T) {
		storetest.Conformance(t, openBadger)
	})
}

func openBadger(t *testing.T) store.Store {
	b, err := store.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
