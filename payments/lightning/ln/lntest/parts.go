package lntest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/bolt11"
)

func (s *suite) info(t *testing.T) {
	payer, err := s.Payer.Info(s.ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	payee, err := s.Payee.Info(s.ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	if payer.PubKey == (ln.PubKey{}) || payer.PubKey == payee.PubKey || payer.Network != payee.Network || payer.Network == "" {
		t.Errorf("payer %+v, payee %+v", payer, payee)
	}
	s.can = payer.Can & payee.Can
	if need := ln.CanReceive | ln.CanHold | ln.CanPay; !s.can.Has(need) {
		t.Fatalf("they can %v; the suite needs %v", s.can, need)
	}
	channels, err := s.Payer.Channels(s.ctx(t))
	if !s.can.Has(ln.CanChannels) {
		want(t, "Channels", err, ln.ErrUnsupported)
		return
	}
	if err != nil || len(channels) != 1 || channels[0].Peer != payee.PubKey || channels[0].State != ln.ChannelOpen {
		t.Errorf("Channels = %+v, %v; want one to %v", channels, err, payee.PubKey)
	}
}

func (s *suite) ordinary(t *testing.T) {
	spec := ln.InvoiceSpec{AmountMsat: someMsat, DescriptionHash: ln.Hash{1, 2, 3}, Expiry: 10 * time.Minute}
	inv, err := s.Payee.CreateInvoice(s.ctx(t), spec)
	if err != nil {
		t.Fatal(err)
	}
	read, err := bolt11.Decode(inv.Bolt11)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Wallet && s.become(t, inv.Hash, ln.Open).Hold {
		t.Error("an ordinary invoice is told as one that holds")
	}
	info, err := s.Payee.Info(s.ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	if read.Payee != info.PubKey || read.Network != info.Network || read.Hash != inv.Hash || read.AmountMsat != spec.AmountMsat ||
		!read.HasDescriptionHash || read.DescriptionHash != spec.DescriptionHash || read.Expiry != spec.Expiry || !read.ExpiresAt().Equal(inv.ExpiresAt) {
		t.Errorf("the invoice says %+v; asked for %+v of %+v", read, spec, info)
	}
	pay := ln.PaySpec{Bolt11: inv.Bolt11, FeeLimitMsat: 1000, Timeout: s.Patience}
	s.moves(t, someMsat, func() {
		for i := range 2 { // the second time nothing moves
			paid, err := s.Payer.Pay(s.ctx(t), pay)
			if err != nil || paid.State != ln.Succeeded || paid.Preimage.Hash() != inv.Hash || paid.AmountMsat != someMsat || paid.FeeMsat != 0 {
				t.Errorf("Pay %d = %+v, %v", i, paid, err)
			}
		}
	})
	got := s.become(t, inv.Hash, ln.Settled)
	if got.PaidMsat != someMsat || got.AmountMsat != someMsat || got.Preimage.Hash() != inv.Hash {
		t.Errorf("Lookup = %+v", got)
	}
	want(t, "Cancel of a settled invoice", s.Payee.Cancel(s.ctx(t), inv.Hash), ln.ErrSettled)
}

func (s *suite) settled(t *testing.T) {
	s.moves(t, someMsat, func() {
		p, inv := s.hold(t, 40)
		info, err := s.Payee.Info(s.ctx(t))
		if err != nil {
			t.Fatal(err)
		}
		if !s.become(t, inv.Hash, ln.Open).Hold {
			t.Error("a hold invoice is told as an ordinary one")
		}
		got := s.lock(t, inv)
		if !got.Hold || got.PaidMsat != someMsat || got.Preimage != (ln.Preimage{}) {
			t.Errorf("accepted: %+v", got)
		}
		if least := info.Height + 40; !s.Wallet && (got.ExpiryHeight < least || got.ExpiryHeight > least+10) {
			t.Errorf("the HTLC expires at block %d; want some after %d", got.ExpiryHeight, least)
		}
		if sent, err := s.Payer.Track(s.ctx(t), inv.Hash); err != nil || sent.State != ln.InFlight || sent.Unsent {
			t.Errorf("Track = %+v, %v; want in flight, and sent", sent, err)
		}
		for range 2 { // twice is once
			if err := s.Payee.Settle(s.ctx(t), p); err != nil {
				t.Errorf("Settle: %v", err)
			}
		}
		if sent := s.ends(t, inv.Hash, ln.Succeeded); sent.Preimage != p || sent.AmountMsat != someMsat {
			t.Errorf("Track = %+v", sent)
		}
		if got := s.become(t, inv.Hash, ln.Settled); got.Preimage != p {
			t.Errorf("Lookup = %+v", got)
		}
		want(t, "Cancel of a settled hold", s.Payee.Cancel(s.ctx(t), inv.Hash), ln.ErrSettled)
	})
}

func (s *suite) canceled(t *testing.T) {
	s.moves(t, 0, func() {
		p, inv := s.hold(t, 40)
		s.lock(t, inv)
		for range 2 {
			if err := s.Payee.Cancel(s.ctx(t), inv.Hash); err != nil {
				t.Errorf("Cancel: %v", err)
			}
		}
		if sent := s.ends(t, inv.Hash, ln.Failed); !s.Wallet && sent.Reason != ln.ReasonRefused {
			t.Errorf("the payment failed for %q; want %q", sent.Reason, ln.ReasonRefused)
		}
		want(t, "Settle of a cancelled hold", s.Payee.Settle(s.ctx(t), p), ln.ErrCanceled)
		_, err := s.Payer.Pay(s.ctx(t), ln.PaySpec{Bolt11: inv.Bolt11, FeeLimitMsat: 1000, Timeout: s.Patience})
		want(t, "Pay of a cancelled invoice", err, ln.ErrFailed)
	})
}

func (s *suite) settleRefused(t *testing.T) {
	s.moves(t, 0, func() {
		p, inv := s.hold(t, 40)
		want(t, "Settle of what nobody paid", s.Payee.Settle(s.ctx(t), p), ln.ErrNotAccepted)
		want(t, "Settle with a wrong preimage", s.Payee.Settle(s.ctx(t), secret()), ln.ErrNotFound)
		s.lock(t, inv)
		want(t, "Settle with a wrong preimage", s.Payee.Settle(s.ctx(t), secret()), ln.ErrNotFound)
		s.become(t, inv.Hash, ln.Accepted)
		if err := s.Payee.Cancel(s.ctx(t), inv.Hash); err != nil {
			t.Error(err)
		}
		s.ends(t, inv.Hash, ln.Failed)

		_, err := s.Payee.CreateHold(s.ctx(t), ln.HoldSpec{Hash: inv.Hash, InvoiceSpec: ln.InvoiceSpec{AmountMsat: 1000, Expiry: time.Hour}})
		want(t, "CreateHold on a hash in use", err, ln.ErrExists)
	})
}

func (s *suite) unknown(t *testing.T) {
	hash := secret().Hash()
	_, err := s.Payee.Lookup(s.ctx(t), hash)
	want(t, "Lookup", err, ln.ErrNotFound)
	_, err = s.Payer.Track(s.ctx(t), hash)
	want(t, "Track", err, ln.ErrNotFound)
	want(t, "Cancel", s.Payee.Cancel(s.ctx(t), hash), ln.ErrNotFound)
	want(t, "Subscribe", s.Payee.Subscribe(s.ctx(t), hash, func(ln.InvoiceState) {}), ln.ErrNotFound)
}

func (s *suite) amounts(t *testing.T) {
	good := ln.InvoiceSpec{AmountMsat: 1000, Expiry: time.Hour}
	for name, change := range map[string]func(*ln.InvoiceSpec){
		"nothing":     func(i *ln.InvoiceSpec) { i.AmountMsat = 0 },
		"everything":  func(i *ln.InvoiceSpec) { i.AmountMsat = ln.MaxMsat + 1 },
		"overflow":    func(i *ln.InvoiceSpec) { i.AmountMsat = 1 << 63 },
		"never":       func(i *ln.InvoiceSpec) { i.Expiry = 0 },
		"a century":   func(i *ln.InvoiceSpec) { i.Expiry = 1 << 62 },
		"many blocks": func(i *ln.InvoiceSpec) { i.CLTVExpiry = 1 << 31 },
	} {
		spec := good
		change(&spec)
		_, err := s.Payee.CreateInvoice(s.ctx(t), spec)
		want(t, name, err, ln.ErrSpec)
		_, err = s.Payee.CreateHold(s.ctx(t), ln.HoldSpec{InvoiceSpec: spec, Hash: ln.Hash{1}})
		want(t, name, err, ln.ErrSpec)
	}
	_, err := s.Payer.Pay(s.ctx(t), ln.PaySpec{Bolt11: "lnbc1nonsense", Timeout: time.Minute})
	want(t, "nonsense", err, ln.ErrInvoice)
}

func (s *suite) expired(t *testing.T) {
	inv, err := s.Payee.CreateInvoice(s.ctx(t), ln.InvoiceSpec{AmountMsat: 1000, Expiry: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	s.become(t, inv.Hash, ln.Canceled)
	s.moves(t, 0, func() {
		_, err = s.Payer.Pay(s.ctx(t), ln.PaySpec{Bolt11: inv.Bolt11, Timeout: s.Patience})
		want(t, "Pay of an expired invoice", err, ln.ErrInvoice)
	})
}

func (s *suite) limits(t *testing.T) {
	p, inv := s.hold(t, 1000)
	s.moves(t, 0, func() {
		_, err := s.Payer.Pay(s.ctx(t), ln.PaySpec{Bolt11: inv.Bolt11, Timeout: s.Patience, CLTVLimit: 600, Hold: true})
		if !errors.Is(err, ln.ErrFailed) && !errors.Is(err, ln.ErrSpec) {
			t.Errorf("Pay of a lock of 1000 blocks with a limit of 600: %v", err)
		}
	})
	want(t, "Settle", s.Payee.Settle(s.ctx(t), p), ln.ErrNotAccepted)
	if err := s.Payee.Cancel(s.ctx(t), inv.Hash); err != nil {
		t.Error(err)
	}
}

func (s *suite) subscribe(t *testing.T) {
	p, inv := s.hold(t, 40)
	states := make(chan ln.State, 16)
	ended := make(chan error, 1)
	ctx := s.ctx(t)
	go func() {
		ended <- s.Payee.Subscribe(ctx, inv.Hash, func(i ln.InvoiceState) { states <- i.State })
	}()
	next := func(want ln.State) {
		t.Helper()
		for {
			select {
			case got := <-states:
				if got == want {
					return
				}
			case <-ctx.Done():
				t.Fatalf("never told %q", want)
			}
		}
	}
	next(ln.Open)
	s.lock(t, inv)
	next(ln.Accepted)
	if err := s.Payee.Settle(ctx, p); err != nil {
		t.Fatal(err)
	}
	next(ln.Settled)
	if err := <-ended; err != nil {
		t.Errorf("Subscribe = %v", err)
	}
	s.ends(t, inv.Hash, ln.Succeeded)

	_, open := s.hold(t, 40)
	short, cancel := context.WithCancel(ctx)
	go func() {
		ended <- s.Payee.Subscribe(short, open.Hash, func(i ln.InvoiceState) { states <- i.State })
	}()
	next(ln.Open)
	cancel()
	want(t, "Subscribe given up", <-ended, context.Canceled)
}

func (s *suite) waits(t *testing.T) {
	p, inv := s.hold(t, 40)
	done := make(chan error, 1)
	ctx := s.ctx(t)
	go func() {
		_, err := s.Payer.Pay(ctx, ln.PaySpec{Bolt11: inv.Bolt11, FeeLimitMsat: 1000, Timeout: s.Patience})
		done <- err
	}()
	s.become(t, inv.Hash, ln.Accepted)
	select {
	case err := <-done:
		t.Fatalf("Pay returned while its money was held: %v", err)
	default:
	}
	if err := s.Payee.Settle(ctx, p); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("Pay = %v", err)
	}
}

func (s *suite) doubt(t *testing.T) {
	s.moves(t, someMsat, func() {
		p, inv := s.hold(t, 40)
		doubtful := func(ctx context.Context, limit time.Duration) error {
			sent, err := s.Payer.Pay(ctx, ln.PaySpec{Bolt11: inv.Bolt11, FeeLimitMsat: 1000, Timeout: limit})
			if err = other(err, ln.ErrInFlight); err == nil && (sent.State != ln.InFlight || sent.Hash != inv.Hash) {
				err = fmt.Errorf("it is told as %+v", sent)
			}
			return err
		}
		// Who is called off while the payee has the money knows no more.
		ctx, giveUp := context.WithCancel(s.ctx(t))
		defer giveUp()
		ended := make(chan error, 1)
		go func() { ended <- doubtful(ctx, s.Patience) }()
		s.become(t, inv.Hash, ln.Accepted)
		giveUp()
		if err := <-ended; err != nil {
			t.Errorf("Pay that was called off: %v", err)
		}
		// Nor does who finds the first one's money on its way, and waits in vain.
		if err := doubtful(s.ctx(t), 2*time.Second); err != nil {
			t.Errorf("Pay of what is held: %v", err)
		}
		if err := s.Payee.Settle(s.ctx(t), p); err != nil {
			t.Fatal(err)
		}
		s.ends(t, inv.Hash, ln.Succeeded)
	})
}

func (s *suite) killed(t *testing.T) {
	if s.Stop == nil {
		t.Skip("this node cannot be killed")
	}
	s.moves(t, someMsat, func() {
		p, inv := s.hold(t, 60)
		before := s.lock(t, inv)
		s.stands(t)
		s.Stop(t)
		dead := s.Dead
		if dead == nil {
			dead = s.Payee
		}
		_, err := dead.Lookup(s.ctx(t), inv.Hash)
		want(t, "Lookup of a dead node", err, ln.ErrUnavailable)
		s.Start(t)
		if after := s.become(t, inv.Hash, ln.Accepted); after.ExpiryHeight != before.ExpiryHeight {
			t.Errorf("after the restart %+v; before %+v", after, before)
		}
		if err := s.Payee.Settle(s.ctx(t), p); err != nil {
			t.Fatal(err)
		}
		s.ends(t, inv.Hash, ln.Succeeded)
	})
}

// stands returns when the payee has written down all of what it has accepted: it
// tells so before, and takes the next payment on the same channel after that.
func (s *suite) stands(t *testing.T) {
	t.Helper()
	p, inv := s.hold(t, 40)
	s.lock(t, inv)
	if err := s.Payee.Cancel(s.ctx(t), inv.Hash); err != nil {
		t.Fatal(err)
	}
	s.ends(t, inv.Hash, ln.Failed)
	want(t, "Settle of what was given back", s.Payee.Settle(s.ctx(t), p), ln.ErrCanceled)
}

// givenBack is the case of a payee that neither settles nor cancels: its node
// gives the money back in time, and the channel lives.
func (s *suite) givenBack(t *testing.T) {
	if s.Mine == nil {
		t.Skip("no blocks can be mined")
	}
	s.moves(t, 0, func() {
		p, inv := s.hold(t, 40)
		held := s.lock(t, inv)
		info, err := s.Payer.Info(s.ctx(t))
		if err != nil {
			t.Fatal(err)
		}
		s.Mine(t, int(held.ExpiryHeight-ln.SafetyBlocks-info.Height)-1)
		s.become(t, inv.Hash, ln.Accepted)
		s.Mine(t, 1)
		s.become(t, inv.Hash, ln.Canceled)
		s.ends(t, inv.Hash, ln.Failed)
		want(t, "Settle too late", s.Payee.Settle(s.ctx(t), p), ln.ErrCanceled)
		s.Mine(t, int(ln.SafetyBlocks)+10)
	})
	if s.can.Has(ln.CanChannels) {
		channels, err := s.Payer.Channels(s.ctx(t))
		if err != nil || len(channels) != 1 || channels[0].State != ln.ChannelOpen || channels[0].HTLCs != 0 {
			t.Errorf("afterwards: %+v, %v; want the channel open and empty", channels, err)
		}
	}
}
