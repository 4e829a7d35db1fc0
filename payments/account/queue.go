package account

import (
	"context"
	"slices"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// turn is one call of Pay, or of Expect, that waits for its peer's lock. Who has
// the lock may do it with its own, in one note or update; then done has the
// outcome.
type turn struct {
	p     payments.Payment
	by    string // of Expect: what is locked for it
	alone bool   // by a note of its own: several were refused together
	done  chan outcome
}

// outcome is what came of a turn: a proof or an error, or that it is to be tried
// again.
type outcome struct {
	proof payments.Proof
	err   error
	again bool
	alone bool
}

func failed(ref payments.Ref, o payments.Outcome, err error) outcome {
	return outcome{err: payments.Fail(ref, o, err)}
}

// queue puts t among those that wait for the peer's lock; quit takes it out of
// them, where it still is one of them.
func (k *keyed) queue(peer identity.PubKey, t *turn) *slot {
	s := k.join(peer)
	k.mu.Lock()
	defer k.mu.Unlock()
	s.waiting = append(s.waiting, t)
	return s
}

func (k *keyed) quit(s *slot, t *turn) (waited bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.Index(s.waiting, t)
	if i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
	return i >= 0
}

// company takes up to most turns out of those that wait, in their order: what
// can be paid in one note with first, each ref once.
func (k *keyed) company(s *slot, first *turn, most int) (out []*turn) {
	if first.alone {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	refs := map[payments.Ref]bool{first.p.Ref: true}
	s.waiting = slices.DeleteFunc(s.waiting, func(t *turn) bool {
		if t.alone || refs[t.p.Ref] || len(out) >= most {
			return false
		}
		refs[t.p.Ref] = true
		out = append(out, t)
		return true
	})
	return out
}

// pay waits for the peer's lock and pays t, or until another that had the lock
// has paid it.
func (r *Rail) pay(ctx context.Context, t *turn) outcome {
	s := r.paying.queue(t.p.Peer, t)
	defer r.paying.leave(t.p.Peer, s)
	select {
	case s.token <- struct{}{}:
	case o := <-t.done:
		return o
	case <-ctx.Done():
		r.paying.quit(s, t)
		// Whoever holds the lock may be paying this very ref.
		return failed(t.p.Ref, payments.OutcomeUnknown, ctx.Err())
	}
	defer func() { <-s.token }()
	if !r.paying.quit(s, t) {
		return <-t.done // told before the lock was given back
	}
	return r.lead(ctx, s, t)
}
