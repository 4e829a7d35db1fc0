package lnd_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/rig"
)

// testSplit: what no channel can carry is paid in parts, over carol's own channel
// and over bob, unless it must be one HTLC.
func testSplit(t *testing.T, r *rig.Rig, alice, carol *rig.Node) {
	_, err := r.OpenAll(t.Context(), rig.Wanted{From: alice, To: carol, Sat: 500_000}, rig.Wanted{From: alice, To: carol, Sat: 100_000})
	must(t, err)
	const most = 1_200_000_000 // above alice's largest channel and each way to carol
	inv, err := carol.CreateInvoice(t.Context(), ln.InvoiceSpec{AmountMsat: most, Expiry: time.Hour})
	must(t, err)
	before := balances(t, alice, carol)
	p, err := alice.Pay(t.Context(), ln.PaySpec{Bolt11: inv.Bolt11, FeeLimitMsat: 2_000_000, Timeout: patience})
	if err != nil {
		t.Fatalf("%+v, %v", p, err)
	}
	await(t, "all parts", func(context.Context) (bool, error) {
		after := balances(t, alice, carol)
		return before[0]-after[0] == most+p.FeeMsat && after[1]-before[1] == most, fmt.Errorf("%v, then %v", before, after)
	})
}

func balances(t *testing.T, nodes ...*rig.Node) (out []uint64) {
	t.Helper()
	for _, n := range nodes {
		b, err := n.Balance(t.Context())
		must(t, err)
		out = append(out, b.LocalMsat)
	}
	return out
}

// testClose closes alice's channels to carol, the larger one together with her
// and the other one by force, and awaits their coins on chain.
func testClose(t *testing.T, r *rig.Rig, alice, carol *rig.Node) {
	info, err := carol.Info(t.Context())
	must(t, err)
	list := func() []ln.Channel {
		t.Helper()
		all, err := alice.Channels(t.Context())
		must(t, err)
		return slices.DeleteFunc(all, func(c ln.Channel) bool { return c.Peer != info.PubKey })
	}
	on := func() uint64 {
		t.Helper()
		b, err := alice.Balance(t.Context())
		must(t, err)
		return b.OnChainSat
	}
	both := list()
	if len(both) != 2 {
		t.Fatalf("%+v", both)
	}
	slices.SortFunc(both, func(a, b ln.Channel) int { return int(b.CapacitySat) - int(a.CapacitySat) })
	for i, want := range []ln.ChannelState{ln.ChannelClosing, ln.ChannelForced} {
		c, had := both[i], on()
		must(t, alice.CloseChannel(t.Context(), c.Point, want == ln.ChannelForced))
		await(t, "the closing is told", func(context.Context) (bool, error) {
			now := list()
			at := slices.IndexFunc(now, func(o ln.Channel) bool { return o.Point == c.Point })
			return at >= 0 && now[at].State == want, fmt.Errorf("%+v", now)
		})
		if err := alice.CloseChannel(t.Context(), c.Point, false); err == nil {
			t.Error("a channel that is closing was closed once more")
		}
		blocks := 0
		await(t, "it is closed", func(ctx context.Context) (bool, error) {
			must(t, r.Mine(ctx, 6))
			blocks += 6
			return len(list()) == 1-i, fmt.Errorf("after %d blocks: %+v", blocks, list())
		})
		// The chain takes its fees, of what the balance had set aside for them.
		const fees = 20_000
		if got := on() - had; got+fees < c.LocalMsat/1000 || got > c.LocalMsat/1000+fees {
			t.Errorf("%s: %d sat came back of %d", want, got, c.LocalMsat/1000)
		}
		t.Logf("%s: gone after %d blocks", want, blocks)
	}
	err = alice.CloseChannel(t.Context(), both[0].Point, false)
	if err == nil {
		t.Error("a channel that is no more was closed")
	}
	t.Log(err)
}

// testUnsent: lnd dies when it has sent an HTLC down its own way and not yet
// signed the channel's next state, which it is made to put off. It never ends such
// a payment; the driver tells that nothing was sent.
func testUnsent(t *testing.T, alice, bob *rig.Node) {
	inv := unsent(t, alice, bob)
	for _, then := range []func(){func() { must(t, bob.Cancel(t.Context(), inv.Hash)) }, alice.Kill} {
		then()
		if err := alice.Start(t.Context()); err != nil && !strings.Contains(err.Error(), "runs already") {
			t.Fatal(err)
		}
		must(t, alice.Active(t.Context()))
		await(t, "the unsent payment", func(ctx context.Context) (bool, error) {
			p, err := alice.Track(ctx, inv.Hash)
			if p.State.Final() {
				t.Fatalf("it ended: %+v", p)
			}
			return p.Unsent, err
		})
	}
	if s, err := bob.Lookup(t.Context(), inv.Hash); err != nil || s.PaidMsat != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// unsent kills alice until a payment stays that she never ends. Between choosing
// a way, which she tells, and taking it, which nothing tells, her death ends the
// payment: then it must be certain that it failed, and another one is begun, with
// more time for that.
func unsent(t *testing.T, alice, bob *rig.Node) ln.Invoice {
	t.Helper()
	for try := time.Duration(1); try <= 20; try++ {
		alice.Kill()
		must(t, alice.StartWith(t.Context(), "--channel-commit-interval=10m"))
		must(t, alice.Active(t.Context()))
		_, inv := hold(t, bob, 40)
		done := make(chan error, 1)
		go func() {
			_, err := alice.Pay(t.Context(), ln.PaySpec{Bolt11: inv.Bolt11, Timeout: patience})
			done <- err
		}()
		await(t, "a way", func(ctx context.Context) (bool, error) {
			p, err := alice.Track(ctx, inv.Hash)
			return p.State == ln.InFlight && p.ExpiryHeight > 0, err
		})
		<-time.After(try * try * 100 * time.Millisecond)
		alice.Kill()
		if err := <-done; !errors.Is(err, ln.ErrInFlight) {
			t.Errorf("Pay while lnd was killed: %v; want in doubt", err)
		}
		must(t, alice.Start(t.Context()))
		must(t, alice.Active(t.Context()))
		var p ln.Payment
		await(t, "the payment's fate", func(ctx context.Context) (ok bool, err error) {
			p, err = alice.Track(ctx, inv.Hash)
			return p.Unsent || p.State.Final(), err
		})
		if p.Unsent {
			return inv
		}
		if p.State != ln.Failed {
			t.Fatalf("it ended: %+v", p)
		}
		if s, err := bob.Lookup(t.Context(), inv.Hash); err != nil || s.State != ln.Open || s.PaidMsat != 0 {
			t.Fatalf("a payment that failed left %+v, %v", s, err)
		}
		t.Logf("ended by its death: %s", p.Reason)
	}
	t.Fatal("she always died before she took the way")
	return ln.Invoice{}
}
