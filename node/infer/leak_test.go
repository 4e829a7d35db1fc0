package infer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/exec/engine/echo/handler"
	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// TestCancelledByThousands gives up a few thousand requests over libp2p, each at
// some point: before the first byte, in mid-stream, in an answer that is to come
// whole. Nothing stays behind on either side, and the books of both agree.
func TestCancelledByThousands(t *testing.T) {
	many := 3000
	if testing.Short() {
		many = 300
	}
	client, provider := newMachine(t), newMachine(t)
	s := provider.serve(t, handler.New(handler.Config{Model: "demo"}))
	if err := client.host.Connect(t.Context(), provider.host.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	r, err := infer.New(patient(), infer.Deps{
		Key: client.host.Key(), Store: store.NewMem(), Peers: infer.Over(client.host), Rail: client.rail, Ledger: client.book,
		Market: known{{Peer: provider.host.ID(), Offer: wire.ProviderOffer{Serves: s.Offer()}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	defer cancel()
	if err := giveUp(t.Context(), r, 0); err != nil { // the connection is there
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	work := make(chan int)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for i := range work {
				if err := giveUp(t.Context(), r, i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range many {
		work <- i
	}
	close(work)
	all.Wait()
	eventually(t, func() error {
		for _, l := range r.Leases() {
			if l.Active > 0 {
				return fmt.Errorf("%d requests are under way", l.Active)
			}
		}
		// Connections at rest and the hosts' own work take some.
		if n := runtime.NumGoroutine(); n > before+200 {
			return fmt.Errorf("%d goroutines, %d before", n, before)
		}
		return nil
	})
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	allPaid(t, client, provider, r)
	eventually(t, func() error {
		if n := runtime.NumGoroutine(); n > before+20 {
			return fmt.Errorf("%d goroutines after the router's end, %d before", n, before)
		}
		return nil
	})
}

// giveUp sends the ith request and leaves it somewhere.
func giveUp(ctx context.Context, r *infer.Router, i int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	kind := i % 4
	text := fmt.Sprintf("alpha%d %s", i, strings.Repeat("beta ", i%7))
	switch kind {
	case 1: // long before it begins
		text += "@delay=500ms"
		time.AfterFunc(time.Duration(5+i%20)*time.Millisecond, cancel)
	case 2:
		text += "@repeat=2000 @delay=1ms"
	case 3: // to come whole
		text += "@repeat=50 @delay=5ms"
		time.AfterFunc(time.Duration(5+i%20)*time.Millisecond, cancel)
	}
	res, err := r.Do(ctx, chat(text, 0, kind != 3))
	var e *openai.Error
	switch {
	case errors.As(err, &e) && (e.Status == 499 || e.Status == http.StatusTooManyRequests):
		return nil // it was left, or so many were left that the provider minds
	case err != nil && ctx.Err() == nil:
		return fmt.Errorf("request %d: %w", i, err)
	case err != nil:
		return nil
	}
	defer res.Body.Close()
	if kind == 2 {
		_, err = io.ReadFull(res.Body, make([]byte, 1000+i%1000))
		return err
	}
	if _, err = io.Copy(io.Discard, res.Body); ctx.Err() != nil {
		return nil
	}
	return err
}

// allPaid wants all leases paid to their end, and the books to agree.
func allPaid(t *testing.T, client, provider *machine, r *infer.Router) {
	t.Helper()
	var paid uint64
	for _, l := range r.Leases() {
		if paid += l.Paid; l.State != "closed" || l.Paid != l.Spent {
			t.Errorf("lease %+v", l)
		}
	}
	mine, err1 := client.rail.Balances(t.Context())
	theirs, err2 := provider.rail.Balances(t.Context())
	if err := errors.Join(err1, err2); err != nil || len(mine) != 1 || len(theirs) != 1 {
		t.Fatalf("%v, %v, %v", mine, theirs, err)
	}
	if paid == 0 || mine[0].Paid != paid || theirs[0].Received != paid || theirs[0].Expected != 0 {
		t.Errorf("paid %d, %d by the rail, received %d, still expected %d", paid, mine[0].Paid, theirs[0].Received, theirs[0].Expected)
	}
}
