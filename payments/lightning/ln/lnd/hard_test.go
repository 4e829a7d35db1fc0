package lnd_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/bolt11"
	"infernet.tech/infernet/payments/lightning/ln/rig"
)

const toll = 50_000 // msat, of every payment here

func hold(t *testing.T, payee ln.Node, blocks uint32) (ln.Preimage, ln.Invoice) {
	t.Helper()
	p := ln.Preimage(secret())
	inv, err := payee.CreateHold(t.Context(), ln.HoldSpec{
		InvoiceSpec: ln.InvoiceSpec{AmountMsat: toll, DescriptionHash: ln.Hash{9}, Expiry: time.Hour, CLTVExpiry: blocks}, Hash: p.Hash(),
	})
	must(t, err)
	return p, inv
}

func lock(t *testing.T, payer, payee ln.Node, inv ln.Invoice) ln.InvoiceState {
	t.Helper()
	_, err := payer.Pay(t.Context(), ln.PaySpec{Bolt11: inv.Bolt11, FeeLimitMsat: 5000, Timeout: patience, CLTVLimit: 600, Hold: true})
	must(t, err)
	var s ln.InvoiceState
	await(t, "the hold", func(ctx context.Context) (bool, error) {
		s, err = payee.Lookup(ctx, inv.Hash)
		if p, trackErr := payer.Track(ctx, inv.Hash); err == nil {
			err = errors.Join(trackErr, fmt.Errorf("the invoice is %s, the payment %s %s", s.State, p.State, p.Reason))
		}
		return s.State == ln.Accepted, err
	})
	return s
}

func await(t *testing.T, what string, ask func(context.Context) (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := ask(ctx)
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("in vain: %s: %v", what, err)
		}
	}
}

func paid(payer ln.Node, hash ln.Hash, want ln.State) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		p, err := payer.Track(ctx, hash)
		return err == nil && p.State == want, err
	}
}

// TestHard is what goes wrong between real nodes. The parts share a network, and
// the last two break it.
func TestHard(t *testing.T) {
	r := pair(t, "carol")
	alice, bob, carol := r.Node("alice"), r.Node("bob"), r.Node("carol")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := r.Open(ctx, bob, carol, 1_000_000, 0)
	must(t, err)
	t.Run("rights", func(t *testing.T) { testRights(t, alice, bob) })
	t.Run("two hops", func(t *testing.T) { testHops(t, alice, carol) })
	t.Run("round trips", func(t *testing.T) { testTrips(t, alice, bob) })
	t.Run("split", func(t *testing.T) { testSplit(t, r, alice, carol) })
	t.Run("closed", func(t *testing.T) { testClose(t, r, alice, carol) })
	t.Run("never sent", func(t *testing.T) { testUnsent(t, alice, bob) })
	t.Run("payer killed while in flight", func(t *testing.T) { testPayerKilled(t, alice, bob) })
	t.Run("payee dead past expiry", func(t *testing.T) { testPastExpiry(t, r, alice, bob) })
	t.Run("chain killed", func(t *testing.T) { testChainKilled(t, r, bob, carol) })
}

// testRights drives a node with no more than what a provider needs.
func testRights(t *testing.T, alice, bob *rig.Node) {
	if !bob.Rights().Admin() || bob.Rights().Can() != ln.CanReceive|ln.CanHold|ln.CanPay|ln.CanBalance|ln.CanChannels|ln.CanOpen {
		t.Errorf("admin.macaroon: %+v", bob.Rights())
	}
	const wants = ln.CanReceive | ln.CanHold
	least, err := bob.Bake(t.Context(), wants)
	must(t, err)
	cfg, err := bob.Config()
	must(t, err)
	cfg.Macaroon = least
	few := connect(t, cfg)
	if can := few.Rights().Can(); can != wants || len(few.Rights().Excess(wants)) != 0 || few.Rights().Admin() {
		t.Errorf("the baked one can %v: %+v", can, few.Rights())
	}
	p, inv := hold(t, few, 40)
	lock(t, alice, few, inv)
	must(t, few.Settle(t.Context(), p))
	await(t, "the payment", paid(alice, inv.Hash, ln.Succeeded))

	_, err = few.Pay(t.Context(), ln.PaySpec{Bolt11: inv.Bolt11, Timeout: patience})
	denied(t, "Pay", err, "offchain:write")
	_, err = few.NewAddress(t.Context())
	denied(t, "NewAddress", err, "address:write")
	_, err = few.Balance(t.Context())
	denied(t, "Balance", err, "offchain:read")

	cfg.Macaroon, err = os.ReadFile(alice.MacaroonFile())
	must(t, err)
	_, err = connect(t, cfg).Info(t.Context())
	denied(t, "another node's macaroon", err, "another node's")
	cfg, err = alice.Config()
	must(t, err)
	cfg.CertPEM, err = os.ReadFile(bob.CertFile())
	must(t, err)
	if _, err = connect(t, cfg).Info(t.Context()); !errors.Is(err, ln.ErrCertificate) {
		t.Errorf("another node's certificate: %v", err)
	}
}

func denied(t *testing.T, what string, err error, word string) {
	t.Helper()
	if !errors.Is(err, ln.ErrDenied) || !strings.Contains(err.Error(), word) {
		t.Errorf("%s: %v; want denied, and %q", what, err, word)
	}
}

// testHops pays over a node between: with a fee, or not at all.
func testHops(t *testing.T, alice, carol ln.Node) {
	inv, err := carol.CreateInvoice(t.Context(), ln.InvoiceSpec{AmountMsat: toll, Expiry: time.Hour})
	must(t, err)
	pay := ln.PaySpec{Bolt11: inv.Bolt11, Timeout: patience}
	if p, err := alice.Pay(t.Context(), pay); !errors.Is(err, ln.ErrFailed) || p.Reason != ln.ReasonNoRoute {
		t.Errorf("Pay without a fee = %+v, %v", p, err)
	}
	pay.FeeLimitMsat, pay.CLTVLimit = 2000, 100 // one hop's 80 and the last one's 80 do not fit
	if _, err := alice.Pay(t.Context(), pay); !errors.Is(err, ln.ErrFailed) {
		t.Errorf("Pay with few blocks: %v", err)
	}
	pay.CLTVLimit = 600
	p, err := alice.Pay(t.Context(), pay)
	if err != nil || p.FeeMsat == 0 || p.FeeMsat > 2000 {
		t.Errorf("Pay = %+v, %v; want a fee up to 2000 msat", p, err)
	}
	read, err := bolt11.Decode(inv.Bolt11)
	must(t, err)
	t.Logf("two hops: fee %d msat; the last hop asks for %d blocks", p.FeeMsat, read.CLTVExpiry)
}

// testTrips measures.
func testTrips(t *testing.T, alice, bob ln.Node) {
	rounds := 5
	if os.Getenv("INFERNET_LONG") != "" {
		rounds = 50
	}
	took := map[string][]time.Duration{}
	lap := func(what string, f func()) {
		began := time.Now()
		f()
		took[what] = append(took[what], time.Since(began))
	}
	for range rounds {
		var inv ln.Invoice
		var err error
		lap("1 create invoice", func() { inv, err = bob.CreateInvoice(t.Context(), ln.InvoiceSpec{AmountMsat: toll, Expiry: time.Hour}) })
		must(t, err)
		lap("2 pay", func() {
			_, err = alice.Pay(t.Context(), ln.PaySpec{Bolt11: inv.Bolt11, Timeout: patience})
		})
		must(t, err)
		lap("3 lookup", func() { _, err = bob.Lookup(t.Context(), inv.Hash) })
		must(t, err)
		var p ln.Preimage
		lap("4 create hold", func() { p, inv = hold(t, bob, 40) })
		lap("5 lock, until accepted", func() { lock(t, alice, bob, inv) })
		lap("6 settle, until paid", func() {
			must(t, bob.Settle(t.Context(), p))
			await(t, "the payment", paid(alice, inv.Hash, ln.Succeeded))
		})
	}
	var lines []string
	for what, all := range took {
		slices.Sort(all)
		lines = append(lines, fmt.Sprintf("%s: median %v, worst %v", what, all[rounds/2].Round(100*time.Microsecond), all[rounds-1].Round(100*time.Microsecond)))
	}
	slices.Sort(lines)
	t.Logf("%d rounds:\n%s", rounds, strings.Join(lines, "\n"))
}

// testPayerKilled: the money is away, the payer's node dies, the payee settles.
func testPayerKilled(t *testing.T, alice, bob *rig.Node) {
	p, inv := hold(t, bob, 60)
	done := make(chan error, 1)
	go func() {
		_, err := alice.Pay(t.Context(), ln.PaySpec{Bolt11: inv.Bolt11, Timeout: patience})
		done <- err
	}()
	await(t, "the hold", func(ctx context.Context) (bool, error) {
		s, err := bob.Lookup(ctx, inv.Hash)
		return s.State == ln.Accepted, err
	})
	alice.Kill()
	if err := <-done; !errors.Is(err, ln.ErrInFlight) {
		t.Errorf("Pay while lnd was killed: %v; want in doubt", err)
	}
	if _, err := alice.Track(t.Context(), inv.Hash); !errors.Is(err, ln.ErrUnavailable) {
		t.Errorf("Track of a dead node: %v", err)
	}
	must(t, bob.Settle(t.Context(), p))
	must(t, alice.Start(t.Context()))
	await(t, "the payment after the restart", paid(alice, inv.Hash, ln.Succeeded))
	again, err := alice.Pay(t.Context(), ln.PaySpec{Bolt11: inv.Bolt11, Timeout: patience})
	if err != nil || again.Preimage != p {
		t.Errorf("Pay again = %+v, %v; want what was paid", again, err)
	}
	must(t, alice.Active(t.Context()))
}

// testChainKilled: lightning goes on without blocks.
func testChainKilled(t *testing.T, r *rig.Rig, alice, bob *rig.Node) {
	// Who was away finds no way at first, although its channel is in use.
	await(t, "a way", func(ctx context.Context) (bool, error) {
		inv, err := bob.CreateInvoice(ctx, ln.InvoiceSpec{AmountMsat: toll, Expiry: time.Hour})
		if err == nil {
			_, err = alice.Pay(ctx, ln.PaySpec{Bolt11: inv.Bolt11, Timeout: 30 * time.Second})
		}
		return err == nil, err
	})
	p, inv := hold(t, bob, 60)
	lock(t, alice, bob, inv)
	r.KillChain()
	must(t, bob.Settle(t.Context(), p))
	await(t, "the payment without a chain", paid(alice, inv.Hash, ln.Succeeded))
	must(t, r.RestartChain(t.Context()))
}

// testPastExpiry: the payee's node dies with money held and stays dead past its
// blocks. The payer takes it back on chain, and the payee knows when it returns.
func testPastExpiry(t *testing.T, r *rig.Rig, alice, bob *rig.Node) {
	p, inv := hold(t, bob, 40)
	held := lock(t, alice, bob, inv)
	bob.Kill()
	info, err := alice.Info(t.Context())
	must(t, err)
	must(t, r.Mine(t.Context(), int(held.ExpiryHeight-info.Height)-1))
	if p, err := alice.Track(t.Context(), inv.Hash); err != nil || p.State != ln.InFlight {
		t.Errorf("before the block: %+v, %v", p, err)
	}
	// Few blocks are needed; with many the channel would be forgotten altogether.
	blocks, asked := 0, 0
	await(t, "the money back", func(ctx context.Context) (bool, error) {
		if asked++; asked%20 == 1 {
			if err := r.Mine(ctx, 1); err != nil {
				return false, err
			}
			blocks++
		}
		return paid(alice, inv.Hash, ln.Failed)(ctx)
	})
	channels, err := alice.Channels(t.Context())
	must(t, err)
	var states []ln.ChannelState
	for _, c := range channels {
		states = append(states, c.State)
	}
	t.Logf("back %d blocks after the HTLC's, channels %v", blocks, states)
	if !slices.Equal(states, []ln.ChannelState{ln.ChannelForced}) {
		t.Error("the channel is not told as closed by force")
	}
	must(t, bob.Start(t.Context()))
	await(t, "the invoice's end", func(ctx context.Context) (bool, error) {
		s, err := bob.Lookup(ctx, inv.Hash)
		return s.State == ln.Canceled, err
	})
	if err := bob.Settle(t.Context(), p); !errors.Is(err, ln.ErrCanceled) {
		t.Errorf("Settle after that: %v", err)
	}
}
