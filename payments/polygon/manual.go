package polygon

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// Open opens a channel to peer with so much in it, because a person asks. It
// returns once the deposit is journalled and on its way; the channel is open
// when that is final. Where there is one already it returns ErrState.
func (r *Rail) Open(ctx context.Context, peer identity.PubKey, amount uint64) (common.Hash, error) {
	if amount == 0 {
		return common.Hash{}, payments.ErrZero
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
	c, ok, err := r.currentTo(peer)
	if err != nil {
		return common.Hash{}, err
	}
	if ok && (c.State == StateOpen || c.State == StateOpening || c.unsettled() && !c.State.ended()) {
		return c.ID, fmt.Errorf("channel %s to %s is %s: %w", c.ID, peer.Short(), c.State, ErrState)
	}
	if err := r.open(ctx, peer, t, amount); err != nil {
		return common.Hash{}, err
	}
	c, _, err = r.currentTo(peer)
	return c.ID, err
}

// TopUp puts more into a channel, because a person asks. It returns once that is
// journalled and on its way; ErrState where the channel is not open or something
// is under way already.
func (r *Rail) TopUp(ctx context.Context, id common.Hash, amount uint64) error {
	if amount == 0 {
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
	if c.State != StateOpen || c.Op != nil {
		return fmt.Errorf("channel %s is %s: %w", id, c.show().doing(), ErrState)
	}
	return r.topUp(ctx, c, amount)
}

// ForceClose closes a channel without asking the payee: the contract's delay
// begins, and Run fetches the rest when it is over.
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
	return r.beginClose(ctx, id, nil, "closed by us, the payee not asked")
}

// doing is the state in words.
func (c Channel) doing() string {
	if c.Doing == "" {
		return string(c.State)
	}
	return string(c.State) + ", " + c.Doing
}
