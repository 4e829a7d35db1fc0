package bench

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestPay(t *testing.T) {
	t.Parallel()
	cfg := DefaultPay()
	cfg.Payments, cfg.Channels, cfg.Together, cfg.Signatures, cfg.Entries, cfg.Rounds, cfg.Dir = 40, 3, 8, 20, 1200, 2, t.TempDir()
	got, err := RunPay(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Signatures) != 4 || len(got.Ways) != 10 || len(got.Gas) == 0 || len(got.Elsewhere) != 3 {
		t.Errorf("%+v", got)
	}
	for _, s := range got.Signatures {
		if s.Took.N != 2 || !(s.Took.Median > 1) {
			t.Errorf("%+v", s)
		}
	}
	for _, w := range got.Ways {
		// Signatures are a part of it, so nothing is faster than they are; a noisy
		// machine may say so by a little, or once. How much slower it is hangs on
		// the disk, for all the process does meanwhile is counted.
		if w.PerSecond.N != 2 || !(w.PerSecond.Min > 0) || !(w.PerSecond.Max > 1) || !(w.Ratio.Min > 0) || w.Ratio.Min > 1.3 {
			t.Errorf("%+v", w)
		}
		if noted := w.Bytes > 300 && w.Bytes < 6000; noted == (w.Name == "voucher") {
			t.Errorf("%s leaves %.0f bytes", w.Name, w.Bytes)
		}
		if company := w.Together == 8; company != strings.HasSuffix(w.Name, "in company") {
			t.Errorf("%+v", w)
		}
	}
	b := got.Books
	if b == nil || b.Entries != 1200 || b.Bytes < 1200*(noteSize+answerSize) || !(b.Reconcile.Median > 0) || !(b.Ratio.Median > 0) {
		t.Errorf("%+v", b)
	}
	if left, err := os.ReadDir(cfg.Dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestPayConfig(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*PayConfig){
		func(c *PayConfig) { c.Payments = 0 },
		func(c *PayConfig) { c.Channels = 1001 },
		func(c *PayConfig) { c.Signatures = -1 },
		func(c *PayConfig) { c.Together = 0 },
		func(c *PayConfig) { c.Entries = 99 },
		func(c *PayConfig) { c.Rounds = 0 },
	} {
		cfg := DefaultPay()
		change(&cfg)
		if _, err := RunPay(t.Context(), cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
