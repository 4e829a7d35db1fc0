package reputation_test

import (
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// TestBookAtOnce issues, countersigns, asks, hears and explains from many
// goroutines, and wants the sums to be those of a book opened afterwards.
func TestBookAtOnce(t *testing.T) {
	t.Parallel()
	me, s := newKey(t), store.NewMem()
	b := newBook(t, me, s)
	peers := []*identity.Key{newKey(t), newKey(t), newKey(t)}
	var wg sync.WaitGroup
	do := func(n int, fn func(i int) error) {
		wg.Go(func() {
			for i := range n {
				if err := fn(i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for g, peer := range peers {
		for half := range 2 {
			do(15, func(i int) error {
				p := parties{me, peer}
				e, err := b.Ledger().Issue(me, p.receipt(uint32(100*g+2*i+half)), now.Add(time.Duration(i)*time.Second))
				if err != nil || i%2 == 0 {
					return err
				}
				_, err = b.Ledger().AddReceipt(p.both(t, e))
				return err
			})
		}
		do(60, func(int) error {
			_, err := b.Standing(now.Add(time.Minute), peer.PubKey(), reputation.App{}, "")
			return err
		})
		do(5, func(i int) error {
			_, err := b.Opinions().Add(digest(t, peer, now.Add(time.Duration(i)*time.Second),
				wire.Opinion{Subject: peers[(g+1)%3].PubKey(), Good: 8, Value: 8, Day: today(now)}), now.Add(time.Minute))
			return err
		})
		do(5, func(int) error {
			_, err := b.Explain(now.Add(time.Minute), peer.PubKey())
			return err
		})
	}
	wg.Wait()
	fresh := newBook(t, me, s)
	for _, peer := range peers {
		at := now.Add(30 * time.Minute) // the picture of others is drawn anew
		got, want := standing(t, b, at, peer.PubKey(), reputation.App{}, ""), standing(t, fresh, at, peer.PubKey(), reputation.App{}, "")
		if !near(got.Score, want.Score, 1e-9) || !near(got.Indirect, want.Indirect, 1e-9) || got.Valid != want.Valid || got.Valid != 30 {
			t.Errorf("%+v, opened anew %+v", got, want)
		}
	}
}
