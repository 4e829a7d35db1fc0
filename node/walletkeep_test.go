package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/ceiling"
	"infernet.tech/infernet/payments/lightning"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/lntest"
	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/store"
)

// What may come back by itself is told from what somebody must mend.
func TestStateOf(t *testing.T) {
	t.Parallel()
	for want, errs := range map[string][]error{
		api.WalletReady: {nil},
		api.WalletAway: {
			ln.ErrUnavailable, ln.ErrLocked, ln.ErrStarting, chain.ErrUnreachable, chain.ErrStale, chain.ErrDisagree,
			chain.ErrSigner, context.DeadlineExceeded,
		},
		api.WalletBroken: {
			fs.ErrNotExist, fs.ErrPermission, ln.ErrCertificate, ln.ErrDenied, chain.ErrChainID, chain.ErrNoCode,
			chain.ErrPassphrase, api.Errorf(api.CodeRefused, "more rights", "too few rights"),
		},
	} {
		for _, err := range errs {
			if err != nil {
				err = fmt.Errorf("wrapped: %w", err)
			}
			if got := stateOf(err); got != want {
				t.Errorf("%v: %s, want %s", err, got, want)
			}
		}
	}
}

// A wallet that stays away is tried ever more seldom, and one that is back is
// looked at as before.
func TestKeeperBacksOff(t *testing.T) {
	t.Parallel()
	k, now := newKeeper("lightning"), time.Unix(1_800_000_000, 0)
	if k.due(now) < 24*time.Hour {
		t.Error("nothing is connected, and it is looked at")
	}
	k.use(lightningWallet{LND: "127.0.0.1:1", Macaroon: "/a b/m", TLS: "/t"}, nil)
	if k.due(now) > 0 {
		t.Error("it was never looked at, and is not due")
	}
	if err := k.refusal(now); !strings.Contains(err.Error(), "not been looked at") {
		t.Error(err)
	}
	var waits []time.Duration
	for i := range 10 {
		if changed := k.note(ln.ErrUnavailable, now); changed != (i == 0) {
			t.Errorf("%d: changed is %v", i, changed)
		}
		k.tries++
		waits = append(waits, k.due(now))
	}
	if waits[0] != firstRetry || waits[1] != 2*firstRetry || waits[9] != lastRetry {
		t.Errorf("%v", waits)
	}
	var w api.Wallet
	k.tell(&w)
	if w.State != api.WalletAway || w.SinceMS != now.UnixMilli() || w.NextMS != now.Add(lastRetry).UnixMilli() || w.Problem == "" || w.Hint == "" {
		t.Errorf("%+v", w)
	}
	if err := k.refusal(now.Add(50 * time.Second)); !strings.Contains(err.Error(), "for 50s") || !strings.Contains(err.Error(), "in 10s") {
		t.Error(err)
	}
	k.note(fs.ErrNotExist, now)
	if k.tell(&w); w.State != api.WalletBroken || !strings.Contains(w.Hint, "--macaroon '/a b/m'") {
		t.Errorf("%+v", w)
	}
	if !k.note(nil, now) || k.due(now) != lookEvery || k.tries != 0 {
		t.Errorf("back: due in %s, %d tries", k.due(now), k.tries)
	}
	w = api.Wallet{}
	if k.tell(&w); w.State != api.WalletReady || w.Problem != "" || w.NextMS != 0 {
		t.Errorf("%+v", w)
	}
	// Who found it away a moment ago may only now ask why.
	if err := k.refusal(now); !strings.Contains(err.Error(), "back just now") {
		t.Error(err)
	}
}

// A ceiling that cannot be written down does not hold until the next start
// either: nothing changes.
func TestCeilingIsKeptFirst(t *testing.T) {
	t.Parallel()
	s := store.NewMem()
	old := lightningWallet{NWC: "w", PerDay: 1000}
	b := &lightningBack{node: lntest.New(nil).Node("a"), perDay: ceiling.New(s, payments.MilliSat, old.PerDay, time.Now)}
	b.conf.Store(&old)
	k := newKeeper(lightning.Name)
	k.use(old, b)
	n := &Node{cfg: Config{Home: filepath.Join(t.TempDir(), "gone")}}
	more := old
	more.PerDay = 5000
	if err := n.reallow(t.Context(), k, walletFile{Lightning: &more}, more); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if conf, _ := k.has(); b.perDay.PerDay().Value != old.PerDay || conf != walletConf(old) || *b.conf.Load() != old {
		t.Fatalf("a ceiling of %s, by %+v", b.perDay.PerDay().Human(), *b.conf.Load())
	}
	if err := b.allow(t.Context(), more, func() error { return nil }); err != nil || b.perDay.PerDay().Value != more.PerDay {
		t.Fatalf("a ceiling of %s, %v", b.perDay.PerDay().Human(), err)
	}
}
