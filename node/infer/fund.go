package infer

import (
	"context"
	"fmt"
	"math"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// leaseRef is what money is locked under for a lease as a whole; its windows
// are paid under refs of their own.
func leaseRef(id wire.ID) payments.Ref { return payments.NewRef(id.String(), leaseSeq, 0) }

// leaseSeq is no window's: there are at most some thousands.
const leaseSeq = math.MaxUint32

// fundTime is how long locking money may take: a deposit has to be final.
const fundTime = 2 * time.Minute

// window is the most that may be unpaid by a lease on that quote: what this
// node lets be, or less where the provider gives no more credit. Where the rail
// locks money for work there need not be any credit yet.
func (r *Router) window(q wire.InferQuote) uint64 {
	if q.Credit == 0 || q.In == 0 && q.Out == 0 {
		return r.cfg.Window
	}
	return min(r.cfg.Window, q.Credit)
}

// funder is the rail where it locks money for work.
func (r *Router) funder() (payments.Funder, bool) {
	f, ok := r.d.Rail.(payments.Funder)
	return f, ok
}

// fund has the rail lock what a window of a lease needs, where it does that,
// before the provider is asked to begin. It returns the ref of what is locked,
// "" for nothing.
func (r *Router) fund(ctx context.Context, to identity.PubKey, q wire.InferQuote) (payments.Ref, error) {
	f, ok := r.funder()
	if !ok || q.In == 0 && q.Out == 0 {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, fundTime)
	defer cancel()
	ref := leaseRef(q.Job)
	err := f.Fund(ctx, payments.Payment{
		Ref: ref, Peer: to, Amount: payments.Amount{Value: r.window(q), Unit: payments.Unit(q.Unit)},
		Memo: "a window of lease " + q.Job.Short(),
	})
	if err != nil {
		return "", fmt.Errorf("lock money for a lease: %w", err)
	}
	return ref, nil
}

// unfund gives up what was locked under ref and reports whether that is done.
func (r *Router) unfund(ctx context.Context, ref payments.Ref, reason string) bool {
	f, ok := r.funder()
	if !ok || ref == "" {
		return true
	}
	if err := f.Release(ctx, ref, reason); err != nil {
		r.log.Warn("release what was locked for a lease", "ref", string(ref), "err", err)
		return false
	}
	return true
}

// locked is what is still locked for a lease that is over.
func (l *lease) locked() payments.Ref {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over() {
		return ""
	}
	return l.Locked
}

// unlock gives up what was locked for leases that are over.
func (r *Router) unlock(ctx context.Context) {
	for _, l := range r.leases() {
		ref := l.locked()
		if ref == "" || !r.unfund(ctx, ref, "the lease is over") {
			continue
		}
		if err := r.commit(l, func(c *record) { c.Locked = "" }); err != nil {
			r.log.Error("store a lease", "lease", l.ID.Short(), "err", err)
		}
	}
}
