package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/polygon"
	"infernet.tech/infernet/payments/polygon/chain"
)

// Every failure of a wallet's verb has a code that programs branch on, and words
// without the names of our packages.
func TestMoneyErrors(t *testing.T) {
	t.Parallel()
	told := api.Errorf(api.CodeRefused, "a hint of its own", "a channel of Lightning cannot be topped up")
	for want, errs := range map[api.Code][]error{
		api.CodeRefused: {
			chain.ErrUnreachable, chain.ErrStale, chain.ErrDisagree, chain.ErrSigner, ln.ErrUnavailable, ln.ErrLocked, ln.ErrDenied,
			payments.ErrAway, payments.ErrCeiling, payments.ErrRefused, payments.ErrUnreachable, polygon.ErrDeposit, context.DeadlineExceeded, told,
		},
		api.CodeBadRequest:   {payments.ErrZero, ln.ErrSpec},
		api.CodeNotFound:     {polygon.ErrNoChannel, payments.ErrNoEntry},
		api.CodeConflict:     {polygon.ErrState},
		api.CodeUnknownMoney: {payments.ErrUnknown, payments.ErrDiverged},
	} {
		for _, is := range errs {
			var got *api.Error
			if err := moneyError(fmt.Errorf("top-up: %w", is)); !errors.As(err, &got) || got.Code != want {
				t.Errorf("%v: %v, want %s", is, err, want)
			} else if strings.Contains(got.Message, "chain: ") || strings.Contains(got.Message, "lightning: ") {
				t.Errorf("%v is told as %q", is, got.Message)
			}
		}
	}
	if err := moneyError(told); !errors.Is(err, error(told)) {
		t.Errorf("what was explained is explained anew: %v", err)
	}
	raw := errors.New(`lightning: the node cannot be reached: lnd at h:1: connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`)
	if got := plainWords(raw); got != "the node cannot be reached: lnd at h:1: dial tcp 127.0.0.1:1: connect: connection refused" {
		t.Error(got)
	}
}

// A string that is no connection to a wallet says what one looks like.
func TestNotNWC(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("ab", 32)
	for uri, want := range map[string]string{
		"foo":                          "does not begin with nostr+walletconnect://",
		"https://" + key:               "does not begin with nostr+walletconnect://",
		"nostr+walletconnect://abc":    "no key of the wallet",
		"nostr+walletconnect://" + key: "0 relays",
		"nostr+walletconnect://" + key + "?relay=wss://r.example&secret=12":      "64 hex digits",
		"nostr+walletconnect://" + key + "?relay=http://r.example&secret=" + key: "wss://",
	} {
		_, err := lightningOf(api.ConnectRequest{Rail: "lightning", NWC: uri})
		var got *api.Error
		if !errors.As(err, &got) || got.Code != api.CodeBadRequest || !strings.Contains(got.Message, want) || !strings.Contains(got.Hint, "nostr+walletconnect://KEY?relay=") {
			t.Errorf("%s: %v", uri, err)
		}
		if strings.Contains(fmt.Sprint(err), "secret=12") {
			t.Errorf("it tells the secret: %v", err)
		}
	}
}

// A channel that cannot be closed now says why, and force is advised only where
// it is the way.
func TestClosable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of                  ln.Channel
		gently, force, hint string
	}{
		{of: ln.Channel{State: ln.ChannelOpen, Active: true}},
		{of: ln.Channel{State: ln.ChannelOpen}, gently: "away", hint: "--force"},
		{of: ln.Channel{State: ln.ChannelOpen, Active: true, HTLCs: 2}, gently: "on their way", hint: "--force"},
		{of: ln.Channel{State: ln.ChannelOpening}, gently: "opening", hint: "wait"},
		{of: ln.Channel{State: ln.ChannelClosing}, gently: "closing already", hint: "confirmed"},
		{of: ln.Channel{State: ln.ChannelForced}, gently: "closing already", force: "closing already", hint: "confirmed"},
	} {
		for force, want := range map[bool]string{false: c.gently, true: c.force} {
			err := closable(c.of, force)
			if (err == nil) != (want == "") {
				t.Errorf("%+v, force %t: %v, want %q", c.of, force, err, want)
			}
			var told *api.Error
			if err != nil && (!errors.As(err, &told) || !strings.Contains(told.Message, want) || !strings.Contains(told.Hint, c.hint)) {
				t.Errorf("%+v, force %t: %+v, want %q and %q", c.of, force, told, want, c.hint)
			}
		}
	}
}
