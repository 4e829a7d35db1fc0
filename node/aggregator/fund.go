package aggregator

import (
	"context"
	"errors"
	"fmt"
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

// fund has the rail set money aside for the attempt before it is accepted,
// where its provider would not work on credit.
func (d *Driver) fund(ctx context.Context, at *attempt) error {
	memo := fmt.Sprintf("job %q, shard %d", at.j.Name, at.Shard)
	err := d.Rail.Fund(ctx, owed(at.j, at.Shard, at.Wire, at.Provider, at.Amount, memo))
	switch {
	case err == nil || ctx.Err() != nil, errors.Is(err, payments.ErrUnreachable):
		return err
	}
	return fmt.Errorf("%w: %w", errUnfunded, err)
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
