package aggregator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// errUnfunded means that the money for an attempt could not be locked: what the
// provider asks for is right, and it is we who cannot give it.
var errUnfunded = errors.New("no money could be set aside for it")

// owed is what a good result of the attempt earns its provider.
func owed(j job.Job, shard, wireNumber uint32, to identity.PubKey, amount payments.Amount, memo string) payments.Payment {
	return payments.Payment{Ref: payments.NewRef(j.ID.String(), shard, wireNumber), Peer: to, Amount: amount, Memo: memo}
}

const (
	// fundWithin is how long setting money aside may take: a deposit on a chain
	// has to become final.
	fundWithin = 3 * time.Minute
	// fundingEvery is how often it is told that this goes on.
	fundingEvery = 5 * time.Second
	// awayFor is how long a wallet may be away, and awayEvery how often it is
	// asked then.
	awayFor, awayEvery = 20 * time.Second, 2 * time.Second
)

// fund has the rail set money aside for the attempt before it is accepted,
// where its provider would not work on credit. The time it takes is ours, and
// not one in which the provider does not answer.
func (d *Driver) fund(ctx context.Context, at *attempt) error {
	memo := fmt.Sprintf("job %q, shard %d", at.j.Name, at.Shard)
	p := owed(at.j, at.Shard, at.Wire, at.Provider, at.Amount, memo)
	p.Work = at.Timeout
	began := time.Now()
	fctx, cancel := context.WithTimeout(ctx, fundWithin)
	var told sync.WaitGroup
	told.Go(func() { at.tellFunding(fctx) })
	err := d.lock(fctx, p)
	cancel()
	told.Wait()
	if now := time.Now(); now.Sub(began) > fundingEvery {
		at.funded = now
	}
	switch {
	case err == nil || ctx.Err() != nil, errors.Is(err, payments.ErrUnreachable):
		return err
	}
	return fmt.Errorf("%w: %w", errUnfunded, err)
}

// lock is the rail's Fund, again for a while where a wallet is away: those that
// are started anew come back soon.
func (d *Driver) lock(ctx context.Context, p payments.Payment) error {
	until := time.Now().Add(awayFor)
	for {
		err := d.Rail.Fund(ctx, p)
		if !errors.Is(err, payments.ErrAway) || time.Now().After(until) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(awayEvery):
		}
	}
}

// unfundedCode tells whether money is missing for any provider, which ends the
// job, or only this one cannot be given any.
func unfundedCode(err error) string {
	ours := errors.Is(err, payments.ErrAway) && !errors.Is(err, payments.ErrRefused)
	if ours || errors.Is(err, payments.ErrCeiling) || errors.Is(err, payments.ErrUnit) {
		return job.CodeFunds
	}
	return job.CodeRefused
}

// tellFunding tells the machine from time to time that money is being set aside,
// until ctx ends.
func (at *attempt) tellFunding(ctx context.Context) {
	tick := time.NewTicker(fundingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			at.a.post(ctx, mail{ev: job.Progressed{Shard: at.Shard, Attempt: at.Attempt, State: job.ProgressFunding, Now: time.Now()}})
		}
	}
}

// unfund gives up what was set aside for an attempt that will not be paid. What
// cannot be given up now comes back when the rail's own time is over.
func (d *Driver) unfund(j job.Job, shard, wireNumber uint32, reason string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ref := payments.NewRef(j.ID.String(), shard, wireNumber)
	if err := d.Rail.Release(ctx, j.Budget.Unit, ref, reason); err != nil && !errors.Is(err, payments.ErrNoEntry) {
		d.Log.Warn("give up money set aside", "ref", ref, "err", err)
	}
}
