package node

import (
	"context"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning"
	"infernet.tech/infernet/payments/polygon"
	"infernet.tech/infernet/payments/rails"
)

// walletConf is where a wallet is and how it is opened, as it is kept.
type walletConf interface {
	// open composes the rail on the wallet. It asks as little as it can: a node
	// starts while its wallet is away.
	open(ctx context.Context, n *Node) (rails.Rail, wallet, error)
	// same tells whether another is the same wallet, whatever may be spent of it.
	same(other walletConf) bool
	// again is the command that connects it.
	again() string
	// outline is what is known without asking anybody.
	outline() api.Wallet
}

// wallet is the money behind one rail, as its owner's verbs see it.
type wallet interface {
	// check asks whether the wallet is there and gives what is needed.
	check(ctx context.Context) error
	// view tells of the money; where it cannot be asked, what is known without.
	view(ctx context.Context) (api.Wallet, error)
	// spends tells whether its owner allowed that anything is spent.
	spends() bool
	// allow changes what may be spent to what conf, which is the same wallet,
	// says, once keep has written that down; an error changes nothing.
	allow(ctx context.Context, conf walletConf, keep func() error) error
	// shut lets go of a wallet whose rail never joined.
	shut()
	channels(ctx context.Context) ([]api.MoneyChannel, error)
	open(ctx context.Context, peer string, amount payments.Amount) (api.MoneyChannel, error)
	topUp(ctx context.Context, channel string, amount payments.Amount) (api.MoneyChannel, error)
	close(ctx context.Context, channel string, force bool) (api.MoneyChannel, error)
}

// wallets are those of the rails that can have one.
type wallets struct{ keepers []*keeper }

func newWallets() wallets {
	return wallets{[]*keeper{newKeeper(lightning.Name), newKeeper(polygon.Name)}}
}

// of is the keeper of a rail; nil for a rail that has no wallets.
func (w wallets) of(rail string) *keeper {
	for _, k := range w.keepers {
		if k.rail == rail {
			return k
		}
	}
	return nil
}
