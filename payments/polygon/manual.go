package polygon

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// Open opens a channel to peer with that deposit because the wallet's owner says
// so, and returns its id once it is written down; Channels tells when it is
// final. While there is one that is open or opening it is ErrState: that one
// can be topped up.
func (r *Rail) Open(ctx context.Context, peer identity.PubKey, deposit uint64) (common.Hash, error) {
	if err := (r.amount(deposit)).Validate(); err != nil || deposit == 0 {
		return common.Hash{}, fmt.Errorf("a deposit of %d: %w", deposit, payments.ErrZero)
	}
	t, err := r.termsOf(ctx, peer)
	if err != nil {
		return common.Hash{}, err
	}
	unlock, err := r.funding.lock(ctx, peer)
	if err != nil {
		return common.Hash{}, err
	}
	defer unlock()
	switch c, ok, err := r.currentTo(peer); {
	case err != nil:
		return common.Hash{}, err
	case ok && (c.State == StateOpen || c.State == StateOpening):
		return c.ID, fmt.Errorf("channel %s to %s is %s: %w", c.ID.Hex(), peer.Short(), c.State, ErrState)
	}
	if err := r.open(ctx, peer, t, deposit); err != nil {
		return common.Hash{}, err
	}
	c, _, err := r.currentTo(peer)
	return c.ID, err
}

// TopUp adds to an open channel of ours; ErrState for one in another state, or
// with an operation under way.
func (r *Rail) TopUp(ctx context.Context, id common.Hash, by uint64) error {
	if by == 0 {
		return payments.ErrZero
	}
	c, err := r.out(id)
	if err != nil {
		return err
	}
	unlock, err := r.funding.lock(ctx, c.Peer)
	if err != nil {
		return err
	}
	defer unlock()
	if c, err = r.out(id); err != nil {
		return err
	}
	if c.Op != nil || c.State != StateOpen {
		return fmt.Errorf("channel %s is %s: %w", id.Hex(), c.State, ErrState)
	}
	return r.topUp(ctx, c, by)
}

// ForceClose closes a channel we pay through without asking the payee: the rest
// comes back after the contract's delay, in which the payee may redeem what it
// was promised.
func (r *Rail) ForceClose(ctx context.Context, id common.Hash) error {
	c, err := r.out(id)
	if err != nil {
		return err
	}
	unlock, err := r.settling.lock(ctx, c.Peer)
	if err != nil {
		return err
	}
	defer unlock()
	if c, err = r.stop(id); err != nil || c.Op != nil || c.State != StateStopped {
		return err
	}
	return r.beginClose(ctx, id, nil, "closed by us alone")
}
