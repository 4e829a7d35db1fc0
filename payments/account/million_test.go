package account_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// journalSize is how many entries the journals that are measured have: a
// million with INFERNET_LONG=1.
func journalSize() int {
	if os.Getenv("INFERNET_LONG") != "" {
		return 1_000_000
	}
	return 20_000
}

// BenchmarkReconcile measures one whole pass over a large journal on disk, and
// the pages that people ask for out of it.
func BenchmarkReconcile(b *testing.B) {
	n := journalSize()
	disk, err := store.Open(b.TempDir(), discard())
	if err != nil {
		b.Fatal(err)
	}
	defer disk.Close()
	w := newWorld(b)
	a := w.add(config(1000), store.Prefix(disk, "credit/"))
	peers := fillDisk(b, a, n)
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			if err := a.now().Journal().Prepare(); err != nil {
				b.Fatal(err)
			}
			err := a.s.View(func(r store.Reader) error { return a.now().Journal().Verify(r, nil) })
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	})
	b.Run("sweep", func(b *testing.B) {
		for b.Loop() {
			if _, err := a.now().Sweep(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, f := range map[string]payments.Filter{
		"newest": {Limit: 100}, "peer": {Peer: peers[3], Limit: 100}, "job": {Prefix: "job17/", Limit: 100},
		"day": {Since: time.Now().Add(-24 * time.Hour), Until: time.Now(), Limit: 100},
	} {
		b.Run("page by "+name, func(b *testing.B) {
			for b.Loop() {
				if page, _, err := a.now().Journal().Page(f); err != nil || len(page) == 0 {
					b.Fatal(len(page), err)
				}
			}
		})
	}
	b.Run("totals by day", func(b *testing.B) {
		for b.Loop() {
			if _, err := a.now().Journal().Group(payments.Filter{}, payments.ByDay); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// fillDisk enters n captured payments with 50 peers, with evidence of the size
// that notes have.
func fillDisk(b *testing.B, a *node, n int) (peers []identity.PubKey) {
	b.Helper()
	for range 50 {
		k, err := identity.Generate()
		if err != nil {
			b.Fatal(err)
		}
		peers = append(peers, k.PubKey())
	}
	doc, answer := make([]byte, 550), make([]byte, 420)
	const batch = 400
	for i := 0; i < n; i += batch {
		err := a.s.Update(func(tx store.Txn) error {
			for x := i; x < min(i+batch, n); x++ {
				e := payments.Entry{
					Direction: payments.Out, Ref: payments.NewRef(fmt.Sprintf("job%d", x%5000), uint32(x), 0), Peer: peers[x%50],
					Amount: payments.Amount{Value: 3, Unit: payments.Credits}, State: payments.StateCaptured, Reason: "note 7 countersigned",
					Doc: doc, Answer: answer,
				}
				if x%2 == 1 {
					e.Direction = payments.In
				}
				if _, err := a.now().Journal().Put(tx, e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return peers
}
