package polygon

import (
	"context"
	"errors"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/payments/polygon/contract"
	"infernet.tech/infernet/store"
)

// watch makes the two that follow the contract's events for r: the channels that
// pay us, and all closes, which are rare, because an endpoint takes no list of
// channels that changes.
func (o *onchain) watch(r *Rail, s store.Store, from uint64) (err error) {
	q := o.at.QueryOpened(common.Address{}, o.wallet.Address())
	o.opened, err = chain.NewWatcher(chain.WatchConfig{
		Name: "polygon/opened", Contract: o.at.Address, Topics: q.Topics, Start: from,
	}, o.client, s, handler{r, o.at}, r.log)
	if err != nil {
		return err
	}
	o.closed, err = chain.NewWatcher(chain.WatchConfig{
		Name: "polygon/closed", Contract: o.at.Address, Topics: o.at.QueryClosed().Topics, Start: from,
	}, o.client, s, handler{r, o.at}, r.log)
	return err
}

func (o *onchain) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, run := range []func(context.Context) error{o.client.Run, o.sender.Run, o.opened.Run, o.closed.Run} {
		g.Go(func() error { return run(ctx) })
	}
	return g.Wait()
}

func (o *onchain) step(ctx context.Context) error { return o.sender.Step(ctx) }

func (o *onchain) look(ctx context.Context) error {
	_, err := o.opened.Step(ctx)
	_, cerr := o.closed.Step(ctx)
	return errors.Join(err, cerr)
}

// handler takes the events of both watchers.
type handler struct {
	r  *Rail
	at contract.Contract
}

// Final implements chain.Handler.
func (h handler) Final(tx store.Txn, logs []types.Log) error {
	for _, l := range logs {
		e, err := h.at.ParseLog(l)
		if err != nil {
			h.r.log.Warn("polygon: log not understood", "tx", l.TxHash, "err", err)
			continue
		}
		switch e := e.(type) {
		case contract.Opened:
			err = h.r.sawOpened(tx, common.Hash(e.Channel), termsFrom(e.Config))
		case contract.CloseStarted, contract.CloseFinished:
			err = h.r.sawClose(tx, common.Hash(e.ID()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Undo implements chain.Handler. What is kept of an event harms nobody should it
// be gone: deposits and closes are asked of the chain before anything counts.
func (handler) Undo(store.Txn, uint64) error { return nil }

// Fresh implements chain.Handler: at a close that may yet go away no new work is
// taken either.
func (h handler) Fresh(logs []types.Log) {
	for _, l := range logs {
		e, err := h.at.ParseLog(l)
		if err != nil {
			continue
		}
		switch e := e.(type) {
		case contract.CloseStarted, contract.CloseFinished:
			h.r.hint(common.Hash(e.ID()))
		}
	}
}

func termsFrom(c contract.Config) terms {
	return terms{Payer: c.Payer, Payee: c.Payee, Signer: c.Signer, Delay: c.Delay, Salt: c.Salt}
}

func (t terms) config() contract.Config {
	return contract.Config{Payer: t.Payer, Signer: t.Signer, Payee: t.Payee, Delay: t.Delay, Salt: t.Salt}
}
