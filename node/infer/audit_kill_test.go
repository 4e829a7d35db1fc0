package infer_test

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/node/infer/infertest"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
)

// unknown thinks nothing of anybody: all is audited.
type unknown struct{}

func (unknown) Standing(time.Time, identity.PubKey, reputation.App, string) (reputation.Standing, error) {
	return reputation.Standing{}, nil
}

// TestKilledWhileAuditing kills the client after each number of acts while two
// auditors find a provider wrong, lets it come back, and looks that each lease
// has one receipt that says so and no payment for the window it is about.
func TestKilledWhileAuditing(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	most := 150 // acts between two kills
	if os.Getenv("INFERNET_LONG") != "" {
		most = 12
	}
	for n := 1; n < 700; n += 1 + rnd.IntN(most) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { auditedAndKilled(t, n) })
		})
	}
}

// auditing makes the first provider the one that two others find wrong.
func auditing(t *testing.T) *bed {
	b := newBed(t, 3)
	for i, p := range b.p {
		p.In, p.Out = uint64(100_000*(1+20*min(i, 1))), uint64(200_000*(1+20*min(i, 1)))
		p.Replay = func([]int) int { return 3 }
	}
	b.cfg.PayAt, b.cfg.AuditFloor, b.cfg.Window, b.cfg.Budget = 40, 10_000, 2000, 10_000
	b.deps.Trust, b.deps.Log = unknown{}, slog.New(slog.DiscardHandler)

	return b
}

func auditedAndKilled(t *testing.T, n int) {
	b := auditing(t)
	real := b.deps
	m := &mortal{Store: real.Store, Rail: real.Rail, peers: real.Peers, left: n, died: make(chan struct{})}
	b.deps.Store, b.deps.Rail, b.deps.Peers = m, m, m
	b.tolerant = true
	b.start()
	asks := func(n int) {
		for i := range n {
			res, err := b.r.Do(t.Context(), chat(question(i), 20, i%2 == 0))
			if err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
			<-time.After(time.Second)
		}
	}
	asks(6)
	b.stop()
	synctest.Wait()
	b.deps, b.tolerant = real, false
	b.start()
	<-time.After(20 * time.Second)
	asks(4)
	<-time.After(2 * time.Minute)
	b.stop()
	b.convicted(b.p[0])
	b.end()
}

// convicted looks at the receipts of a provider that was found wrong.
func (b *bed) convicted(p *infertest.Provider) {
	b.t.Helper()
	all, err := b.ledger.ByPeer(p.ID(), 0)
	if err != nil {
		b.t.Fatal(err)
	}
	bad := map[wire.ID]int{}
	for _, r := range all {
		if r.Receipt.Verdict != wire.VerdictBad {
			continue
		}
		bad[r.Receipt.Job]++
		e, err := b.rail.Status(b.t.Context(), r.Receipt.Provider, payments.NewRef(r.Receipt.Job.String(), r.Receipt.Shard, 0))
		if r.Receipt.Amount != 0 || r.Receipt.Blame != wire.BlameProvider || err == nil && e.State == payments.StateCaptured {
			b.t.Errorf("receipt %+v, paid %+v", r.Receipt, e)
		}
	}
	if len(bad) == 0 {
		b.t.Errorf("nothing was found: %+v", b.r.AuditStats())
	}
	for _, l := range b.r.Leases() {
		if l.Provider != p.ID() {
			continue
		}
		if n := bad[l.Lease]; n > 1 || n == 1 && l.State != "disputed" || n == 1 && l.Window != "" {
			b.t.Errorf("%d receipts for the lease %+v", n, l)
		}
		if _, ok, err := b.r.ProofOf(l.Lease); err != nil || bad[l.Lease] == 1 && !ok {
			b.t.Errorf("no proof of what the receipt says: %v", err)
		}
	}
}
