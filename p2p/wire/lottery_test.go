package wire

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// TestAuditDrawGolden holds the lottery to tickets computed apart, with
// Python's hmac, hashlib and struct.
func TestAuditDrawGolden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shard, attempt uint32
		want           uint64
	}{
		{0, 0, 0xc2a10655dee55cf}, {7, 1, 0xc6f56a27a54e9ac9}, {9999, 59_999, 0xe123a12d764d0bdb},
	} {
		if got := AuditDraw(testID(1), testID(2), c.shard, c.attempt, testID(3)); got != c.want {
			t.Errorf("shard %d attempt %d: %#x, want %#x", c.shard, c.attempt, got, c.want)
		}
	}
	if got := SecretHash(testID(1)).String(); got != "63e473976892583ec06b0c9be779b4b74f9cf4c984abf7d8571ebd98ca752665" {
		t.Errorf("hash of the secret is %s", got)
	}
}

// TestAuditedExact compares with rational numbers, at the borders too.
func TestAuditedExact(t *testing.T) {
	t.Parallel()
	exact := func(draw uint64, rate uint32) bool {
		left := new(big.Int).Mul(new(big.Int).SetUint64(draw), big.NewInt(PPM))
		right := new(big.Int).Lsh(big.NewInt(int64(rate)), 64)
		return left.Cmp(right) < 0
	}
	rapid.Check(t, func(rt *rapid.T) {
		rate := rapid.Uint32Range(0, PPM).Draw(rt, "rate")
		draw := rapid.Uint64().Draw(rt, "draw")
		border := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(int64(rate)), 64), big.NewInt(PPM)).Uint64()
		for _, d := range []uint64{draw, border, border + 1, border - 1, 0, math.MaxUint64} {
			if got := Audited(d, rate); got != exact(d, rate) {
				rt.Fatalf("draw %d at %d: %v", d, rate, got)
			}
		}
	})
	if !Audited(math.MaxUint64, PPM) || Audited(0, 0) {
		t.Error("all is not all, or none not none")
	}
}

// TestLotteryKeepsItsRate draws often and wants the rate within four standard
// deviations, and a ticket that depends on everything it is drawn from.
func TestLotteryKeepsItsRate(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 5))
	id := func() (id ID) {
		for i := range id {
			id[i] = byte(random.Uint32())
		}
		return id
	}
	const n, rate = 20_000, 50_000
	secret, job, hits := id(), id(), 0
	for i := range uint32(n) {
		if Audited(AuditDraw(secret, job, i, i%7, id()), rate) {
			hits++
		}
	}
	mean, sd := n*0.05, math.Sqrt(n*0.05*0.95)
	if math.Abs(float64(hits)-mean) > 4*sd {
		t.Errorf("%d of %d were drawn at 5%%", hits, n)
	}
	base := AuditDraw(secret, job, 1, 2, testID(1))
	for name, other := range map[string]uint64{
		"secret": AuditDraw(id(), job, 1, 2, testID(1)), "job": AuditDraw(secret, id(), 1, 2, testID(1)),
		"shard": AuditDraw(secret, job, 2, 2, testID(1)), "attempt": AuditDraw(secret, job, 1, 1, testID(1)),
		"commit": AuditDraw(secret, job, 1, 2, testID(2)),
	} {
		if other == base {
			t.Errorf("the %s does not matter", name)
		}
	}
}
