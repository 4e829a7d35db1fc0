package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

var _ payments.Reconciler = (*Rail)(nil)

// Reconcile implements payments.Reconciler: it settles what is open, proves the
// accounts against the journal, and asks every peer with which there is a debt
// or a payment in flight for its totals. What differs is reported and left as it
// is, for both sides have signed what they say; the Dispute of the balance shows
// it until the totals meet again.
func (r *Rail) Reconcile(ctx context.Context) (payments.Report, error) {
	began := time.Now()
	rep, err := r.Sweep(ctx)
	if err != nil {
		return rep, err
	}
	if err := r.journal.Prepare(); err != nil {
		return rep, err
	}
	n, diffs, err := r.ownBooks()
	if err != nil {
		return rep, err
	}
	rep.Entries, rep.Differences = n, diffs
	more, err := r.askAll(ctx)
	rep.Differences = append(rep.Differences, more...)
	rep.Took = time.Since(began)
	return rep, errors.Join(err, ctx.Err())
}

// ownBooks proves this side's accounts and tells what is still unknown.
func (r *Rail) ownBooks() (n int, diffs []payments.Difference, err error) {
	err = r.s.View(func(tx store.Reader) error {
		n, diffs = 0, nil
		bad, err := r.check(tx, func(e payments.Entry) {
			if n++; e.State == payments.StateUnknown {
				diffs = append(diffs, unknownEntry(e))
			}
		})
		for _, b := range bad {
			diffs = append(diffs, payments.Difference{
				Peer: b.peer, Kind: payments.KindBooks, What: b.err.Error(), Amount: payments.Amount{Unit: r.cfg.Unit},
				Certain: "each entry as the journal has it, with both signatures where it is captured",
				Doing:   "nothing by itself: the store was damaged, or written by something else",
			})
		}
		return err
	})
	return n, diffs, err
}

func unknownEntry(e payments.Entry) payments.Difference {
	return payments.Difference{
		Ref: e.Ref, Peer: e.Peer, Kind: payments.KindUnknown, Amount: e.Amount,
		What:    fmt.Sprintf("promised at %s, %s", e.Updated.Format(time.RFC3339), clip(e.Reason)),
		Certain: "it is charged once or not at all; nothing else is paid to this peer before it is known",
		Doing:   "the same promise is sent again until the peer answers it",
	}
}

// askAll compares the totals with every peer there is something with.
func (r *Rail) askAll(ctx context.Context) ([]payments.Difference, error) {
	type found struct {
		peer  identity.PubKey
		diffs []payments.Difference
	}
	var peers []identity.PubKey
	err := r.s.View(func(tx store.Reader) error {
		peers = nil
		return eachAccount(tx, func(peer identity.PubKey, a account) error {
			if a.Paid.Seq+a.Got.Seq > 0 || a.Paid.Pending != nil {
				peers = append(peers, peer)
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	results := make([]found, len(peers))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i, peer := range peers {
		g.Go(func() error {
			diffs, err := r.compareWith(gctx, peer)
			results[i] = found{peer, diffs}
			return err
		})
	}
	err = g.Wait()
	var out []payments.Difference
	for _, f := range results {
		out = append(out, f.diffs...)
	}
	return out, err
}

// compareWith asks one peer for its totals while no payment to it is under way,
// so that what differs is no crossing of messages.
func (r *Rail) compareWith(ctx context.Context, peer identity.PubKey) ([]payments.Difference, error) {
	unlock, err := r.paying.lock(ctx, peer)
	if err != nil {
		return nil, err
	}
	defer unlock()
	before, err := r.gotFrom(peer)
	if err != nil {
		return nil, err
	}
	t, err := r.AskTerms(ctx, peer)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return []payments.Difference{{
			Peer: peer, Kind: payments.KindUnreachable, What: clip(err.Error()), Amount: payments.Amount{Unit: r.cfg.Unit},
			Certain: "what both sides signed until now", Doing: "it is asked again at the next reconcile",
		}}, nil
	}
	return r.compareTerms(peer, before, t)
}

func (r *Rail) gotFrom(peer identity.PubKey) (p point, err error) {
	err = r.s.View(func(tx store.Reader) error {
		a, _, err := load(tx, peer)
		p = point{Seq: a.Got.Seq, Total: a.Got.Total}
		return err
	})
	return p, err
}

// AskTerms asks peer for its PayTerms and checks that they are for this rail.
func (r *Rail) AskTerms(ctx context.Context, peer identity.PubKey) (wire.PayTerms, error) {
	ask, err := wire.Seal(r.key, wire.PayTermsAsk{Rail: r.cfg.Name}, r.clock())
	if err != nil {
		return wire.PayTerms{}, err
	}
	answers, err := r.Ask(ctx, peer, ask)
	if err != nil {
		return wire.PayTerms{}, err
	}
	if m, err := wire.Decode[wire.Error](answers[0]); err == nil {
		return wire.PayTerms{}, fmt.Errorf("%w: %s: %q", payments.ErrRefused, m.Code, clip(m.Text))
	}
	t, err := wire.Decode[wire.PayTerms](answers[0])
	if err != nil {
		return wire.PayTerms{}, err
	}
	if t.Ask != ask.ID || t.Rail != r.cfg.Name || t.Unit != string(r.cfg.Unit) {
		return wire.PayTerms{}, fmt.Errorf("%w: terms of something else", payments.ErrRefused)
	}
	return t, nil
}
