package polygon

import (
	"testing"
)

// A redeeming transaction that failed is no reason to leave the money: the same
// vouchers are redeemed by another.
func TestRedeemFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(testConfig()), w.add(testConfig())
	a.ready(b, "j/0/0", 60_000)
	a.work(b, "j/0/0", 60_000)
	a.settle(b)
	w.m.meddle = map[string]string{opRedeem: "revert"}
	if err := b.now().Redeem(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.mine(4)
	w.m.meddle = nil
	w.quiet(a, b)
	if err := b.now().Redeem(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.quiet(a, b)
	if got := b.coins(); got != purse+60_000 {
		t.Fatal(got)
	}
}
