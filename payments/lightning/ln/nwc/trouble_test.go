package nwc_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/nwc"
)

func invoice(t *testing.T, w *world) (ln.Invoice, ln.PaySpec) {
	t.Helper()
	inv, err := w.net.Node("payee").CreateInvoice(t.Context(), ln.InvoiceSpec{AmountMsat: 1000, Expiry: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return inv, ln.PaySpec{Bolt11: inv.Bolt11, FeeLimitMsat: 100, Timeout: patience}
}

func want(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: %v; want %v", what, err, target)
	}
}

// TestAnswerLost: the wallet pays and its answer never comes. That is doubt, and
// the next try pays nothing.
func TestAnswerLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	inv, pay := invoice(t, w)
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	w.pays.Mangle(func(method string, a map[string]any) map[string]any {
		if method == "pay_invoice" {
			giveUp() // it has paid
			return nil
		}
		return a
	})
	_, err := w.payer.Pay(ctx, pay)
	want(t, "Pay", err, ln.ErrInFlight)
	p, err := w.payer.Pay(t.Context(), pay)
	if err != nil || p.State != ln.Succeeded || p.Preimage.Hash() != inv.Hash || w.pays.Served("pay_invoice") != 1 {
		t.Errorf("Pay again = %+v, %v after %d payments", p, err, w.pays.Served("pay_invoice"))
	}
}

// TestLies: what the wallet says is believed as far as it can be proved.
func TestLies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		mangle func(method string, a map[string]any) map[string]any
		want   error
	}{
		{"another preimage", func(method string, a map[string]any) map[string]any {
			if method == "pay_invoice" {
				a["result"] = map[string]any{"preimage": strings.Repeat("00", 32)}
			}
			return a
		}, ln.ErrInFlight},
		{"failed, though paid", func(method string, a map[string]any) map[string]any {
			if method == "pay_invoice" {
				delete(a, "result")
				a["error"] = map[string]string{"code": "PAYMENT_FAILED", "message": "I lost patience"}
			}
			return a
		}, nil},
		{"no balance", func(method string, a map[string]any) map[string]any {
			if method == "pay_invoice" {
				return map[string]any{"error": map[string]string{"code": "INSUFFICIENT_BALANCE"}}
			}
			return a
		}, ln.ErrFailed},
		{"another method's answer", func(method string, a map[string]any) map[string]any {
			if method == "pay_invoice" {
				a["result_type"] = "get_info"
			}
			return a
		}, ln.ErrInFlight},
		{"not allowed", func(method string, a map[string]any) map[string]any {
			if method == "pay_invoice" {
				return map[string]any{"error": map[string]string{"code": "RESTRICTED"}}
			}
			return a
		}, ln.ErrDenied},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, true)
			_, pay := invoice(t, w)
			w.pays.Mangle(c.mangle)
			p, err := w.payer.Pay(t.Context(), pay)
			want(t, "Pay", err, c.want)
			if errors.Is(err, ln.ErrDenied) && errors.Is(err, ln.ErrInFlight) {
				t.Errorf("a refusal is in doubt: %v", err)
			}
			if c.want == nil && p.State != ln.Succeeded {
				t.Errorf("Pay = %+v", p)
			}
		})
	}
}

// TestForgetful: a failure that the wallet reports, of a payment that it knows
// nothing of afterwards, is in doubt, as is what it has forgotten.
func TestForgetful(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	_, pay := invoice(t, w)
	w.pays.Mangle(func(method string, a map[string]any) map[string]any {
		switch method {
		case "pay_invoice":
			return map[string]any{"error": map[string]string{"code": "PAYMENT_FAILED", "message": "timeout"}}
		case "lookup_invoice":
			return map[string]any{"error": map[string]string{"code": "NOT_FOUND"}}
		}
		return a
	})
	p, err := w.payer.Pay(t.Context(), pay)
	want(t, "Pay", err, ln.ErrInFlight)
	if errors.Is(err, ln.ErrFailed) || p.State.Final() {
		t.Errorf("taken as certain: %+v, %v", p, err)
	}
}

// TestNoDescription: where the relay holds the wallet's description back, nothing
// is written to it in an encryption of old.
func TestNoDescription(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.relay.Lose()
	_, err := w.payer.Info(t.Context())
	want(t, "Info", err, ln.ErrUnavailable)
	if n := w.pays.Served("get_info"); n != 0 || w.pays.Heard() != 0 {
		t.Errorf("%d requests served, %d heard", n, w.pays.Heard())
	}
	w.pays.Describe()
	if _, err := w.payer.Info(t.Context()); err != nil {
		t.Error(err)
	}
	if note := w.payer.Note(); !strings.Contains(note, "fees") || strings.Contains(note, "NIP-04") {
		t.Errorf("note %q", note)
	}
	old := newWorld(t, false)
	if _, err := old.payer.Info(t.Context()); err != nil || !strings.Contains(old.payer.Note(), "NIP-04") {
		t.Errorf("note %q, %v", old.payer.Note(), err)
	}
}

// TestFirstCallsAtOnce: calls that make the connection together all have what the
// wallet says of itself, and none breaks it off for the others.
func TestFirstCallsAtOnce(t *testing.T) {
	t.Parallel()
	for range 20 {
		w := newWorld(t, true)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if _, err := w.payer.Info(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}

// TestCalledOff: a call that is given up while it is being sent breaks the
// connection off for no other.
func TestCalledOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	for i := range time.Duration(200) {
		ctx, cancel := context.WithTimeout(t.Context(), i%20*100*time.Microsecond)
		var off sync.WaitGroup
		off.Go(func() { _, _ = w.payer.Info(ctx) })
		if _, err := w.payer.Info(t.Context()); err != nil {
			t.Fatalf("after %d calls: %v", i, err)
		}
		off.Wait()
		cancel()
	}
}

// TestAwayTooLong: a wallet that comes back does not pay what was given up.
func TestAwayTooLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	_, pay := invoice(t, w)
	w.pays.Away(true)
	_, err := connect(t, w.pays, silence).Pay(t.Context(), pay)
	want(t, "Pay, with no wallet there", err, ln.ErrUnavailable) // it could not even ask what was
	if errors.Is(err, ln.ErrInFlight) {
		t.Errorf("nothing was asked for, and yet: %v", err)
	}
	if w.pays.Served("pay_invoice") != 0 {
		t.Error("the wallet paid")
	}
}

func TestRelayTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	if _, err := w.payer.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.relay.Drop()
	soon, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for again := true; again; { // the first may still see the dead connection
		_, err := w.payer.Info(t.Context())
		if again = err != nil; again {
			select {
			case <-tick.C:
			case <-soon.Done():
				t.Fatalf("after the relay dropped us: %v", err)
			}
		}
	}
	w.relay.Refuse("blocked: pay first")
	_, err := w.payer.Info(t.Context())
	want(t, "Info, refused by the relay", err, ln.ErrUnavailable)
	w.relay.Close()
	_, pay := invoice(t, w)
	_, err = w.payer.Pay(t.Context(), pay)
	want(t, "Pay without a relay", err, ln.ErrUnavailable)
}

// TestFewMethods: what a wallet lacks is told before and refused.
func TestFewMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.takes.Methods = []string{"get_info", "make_invoice", "lookup_invoice"}
	info, err := w.payee.Info(t.Context())
	if err != nil || info.Can != ln.CanReceive {
		t.Errorf("Info = %+v, %v", info, err)
	}
	_, err = w.payee.CreateHold(t.Context(), ln.HoldSpec{Hash: ln.Hash{1}, InvoiceSpec: ln.InvoiceSpec{AmountMsat: 1, Expiry: time.Hour}})
	want(t, "CreateHold", err, ln.ErrUnsupported)
	want(t, "Cancel", w.payee.Cancel(t.Context(), ln.Hash{1}), ln.ErrUnsupported)
	_, err = w.payee.Balance(t.Context())
	want(t, "Balance", err, ln.ErrUnsupported)
	_, err = w.payee.OpenChannel(t.Context(), ln.OpenSpec{})
	want(t, "OpenChannel", err, ln.ErrUnsupported)
}

func TestParse(t *testing.T) {
	t.Parallel()
	key, secret := strings.Repeat("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", 1), strings.Repeat("5e", 32)
	good := "nostr+walletconnect://" + key + "?relay=wss%3A%2F%2Frelay.example.com&secret=" + secret
	c, err := nwc.Parse(good)
	if err != nil || c.Wallet != key || c.Secret != secret || len(c.Relays) != 1 || c.Relays[0] != "wss://relay.example.com" {
		t.Errorf("Parse = %+v, %v", c, err)
	}
	for name, text := range map[string]string{
		"empty":          "",
		"another scheme": strings.Replace(good, "nostr+walletconnect", "https", 1),
		"no key":         strings.Replace(good, key, "", 1),
		"short key":      strings.Replace(good, key, key[:62], 1),
		"no relay":       "nostr+walletconnect://" + key + "?secret=" + secret,
		"no TLS":         strings.Replace(good, "wss", "ws", 1),
		"no secret":      strings.Replace(good, secret, "", 1),
		"short secret":   strings.Replace(good, secret, secret[:60], 1),
		"many relays":    good + strings.Repeat("&relay=wss://a.example.com", 9),
	} {
		_, err := nwc.Parse(text)
		if !errors.Is(err, ln.ErrSpec) || (text != "" && strings.Contains(err.Error(), secret[:60])) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
