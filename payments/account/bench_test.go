package account_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
)

// settlements pays b.N times over so many channels at the same time and reports
// how many payments a second of the processor's time gave: expected, promised, countersigned
// and entered on both sides, each with its own store.
func settlements(b *testing.B, channels int, open func(name string) store.Store) {
	w := newWorld(b)
	cfg := config(1 << 40)
	cfg.Ceiling = 1 << 40
	payer := w.add(cfg, open("payer"))
	var payees []*node
	for i := range channels {
		payees = append(payees, w.add(cfg, open(fmt.Sprintf("payee%d", i))))
	}
	var next atomic.Int64
	b.SetParallelism((channels + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	cpu := cpuTime()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		me := payees[int(next.Add(1))%channels]
		for pb.Next() {
			ref := fmt.Sprintf("%064x/%d/0", 1, next.Add(1))
			me.expect(payer, ref, 3)
			if _, err := payer.now().Pay(b.Context(), pay(me, ref, 3)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "settlements/s")
	if cpu = cpuTime() - cpu; cpu > 0 {
		b.ReportMetric(float64(b.N)/cpu.Seconds(), "settlements/cpu-s")
	}
}

// Both sides of every payment on one disk.
func BenchmarkCreditOnDisk(b *testing.B) {
	for _, channels := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("%d channels", channels), func(b *testing.B) {
			dir := b.TempDir()
			disk, err := store.Open(dir, discard())
			if err != nil {
				b.Fatal(err)
			}
			defer disk.Close()
			settlements(b, channels, func(name string) store.Store { return store.Prefix(disk, name+"/") })
			b.ReportMetric(float64(kept(b, disk))/float64(b.N)/2, "bytes/entry")
		})
	}
}

// kept is how many bytes of keys and values there are, index and sums and all.
func kept(b *testing.B, s store.Store) (n int) {
	b.Helper()
	err := s.View(func(r store.Reader) error {
		return r.Scan(nil, func(k, v []byte) error { n += len(k) + len(v); return nil })
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// What the signatures of one payment cost: each side makes one and checks one.
func BenchmarkSignatures(b *testing.B) {
	k, err := identity.Generate()
	if err != nil {
		b.Fatal(err)
	}
	digest := [32]byte{1}
	sig, err := k.Sign(digest)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("sign", func(b *testing.B) {
		for b.Loop() {
			if _, err := k.Sign(digest); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if !identity.Verify(k.PubKey(), digest, sig) {
				b.Fatal("not verified")
			}
		}
	})
}

// Payments to one payee that wait for each other, 64 at a time, in memory: an
// update of store.Mem costs by what is in it, so that worlds are small.
func BenchmarkCreditInCompany(b *testing.B) {
	const together, world = 64, 4 * 64
	cpu := cpuTime()
	for done := 0; done < b.N; done += world {
		w := newWorld(b)
		cfg := config(1 << 40)
		cfg.Ceiling = 1 << 40
		payer, payee := w.add(cfg, store.NewMem()), w.add(cfg, store.NewMem())
		for from := 0; from < world; from += together {
			var all sync.WaitGroup
			for i := range together {
				all.Go(func() {
					ref := fmt.Sprintf("%064x/%d/0", 1, from+i)
					payee.expect(payer, ref, 3)
					if _, err := payer.now().Pay(b.Context(), pay(payee, ref, 3)); err != nil {
						b.Error(err)
					}
				})
			}
			all.Wait()
		}
	}
	if cpu = cpuTime() - cpu; cpu > 0 {
		b.ReportMetric(float64((b.N+world-1)/world*world)/cpu.Seconds(), "settlements/cpu-s")
	}
}
