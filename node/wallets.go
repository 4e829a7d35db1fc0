package node

import (
	"context"
	"sync"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/payments"
)

// wallet is the money behind one rail, as its owner's verbs see it.
type wallet interface {
	// view tells of the money; of a wallet that does not answer it tells that.
	view(ctx context.Context) api.Wallet
	// spends tells whether its owner allowed that anything is spent.
	spends() bool
	channels(ctx context.Context) ([]api.MoneyChannel, error)
	open(ctx context.Context, peer string, amount payments.Amount) (api.MoneyChannel, error)
	topUp(ctx context.Context, channel string, amount payments.Amount) (api.MoneyChannel, error)
	close(ctx context.Context, channel string, force bool) (api.MoneyChannel, error)
}

// wallets are those that were connected, by their rail's name.
type wallets struct {
	mu     sync.Mutex
	byRail map[string]wallet
	order  []string
}

func (w *wallets) add(rail string, one wallet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byRail == nil {
		w.byRail = map[string]wallet{}
	}
	w.byRail[rail], w.order = one, append(w.order, rail)
}

func (w *wallets) named(rail string) (wallet, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	one, ok := w.byRail[rail]
	return one, ok
}

func (w *wallets) all() (out []wallet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, rail := range w.order {
		out = append(out, w.byRail[rail])
	}
	return out
}
