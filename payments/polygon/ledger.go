package polygon

import (
	"context"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// ledger is the contract on its chain as the rail needs it. What it says of
// channels and balances holds at a finalised block. Tests break it on purpose.
type ledger interface {
	// run follows the chain and sends what do was asked until ctx ends.
	run(ctx context.Context) error
	// step does once what run does all the time: sends, and finds out.
	step(ctx context.Context) error
	// look tells the rail of the events up to the final block.
	look(ctx context.Context) error
	// place says what is the same for all channels.
	place() place
	// fresh returns nil while the endpoints agree and do not lag.
	fresh(ctx context.Context) error
	// channel returns a channel, or ErrNoChannel. terms may be empty where they
	// are not known yet.
	channel(ctx context.Context, id common.Hash, t terms) (onChain, error)
	// held returns how much USDC the wallet has.
	held(ctx context.Context) (uint64, error)
	// check returns ErrConfig where the contract is none of channels for the token.
	check(ctx context.Context) error
	// do has the call made once for that name, however often it is asked.
	do(ctx context.Context, name string, c call) error
	// done says what became of it.
	done(ctx context.Context, name string) (outcome, error)
	// sound returns those of the claims that the contract would pay now.
	sound(ctx context.Context, rows []claim) ([]claim, error)
	// cost is what redeeming so many channels costs, in millionths of a USDC.
	cost(ctx context.Context, rows int) (uint64, error)
	// sign signs a voucher with the voucher key.
	sign(ctx context.Context, id common.Hash, v voucher) ([]byte, error)
	// signedBy returns who signed a voucher.
	signedBy(id common.Hash, v voucher) (common.Address, error)
	// agree signs, as the payee, that the channel may close at that sum.
	agree(ctx context.Context, id common.Hash, cum uint64) ([]byte, error)
	// agreedBy returns who signed a close.
	agreedBy(id common.Hash, cum uint64, sig []byte) (common.Address, error)
	// identify returns the id of the channel with those terms.
	identify(t terms) common.Hash
}

// place is where the rail is paid.
type place struct {
	Network  string
	Contract common.Address
	Wallet   common.Address // it pays deposits and is paid
	Signer   common.Address // it signs vouchers
}

// onChain is what the chain says of a channel.
type onChain struct {
	Terms   terms
	Balance uint64 // all deposits
	Claimed uint64
	CloseAt time.Time // zero while no close was started
	Ended   bool      // everything was paid out
	At      time.Time // when that was so
}

// call is one thing to be done with the contract.
type call struct {
	Kind   string
	ID     common.Hash
	Terms  terms  // all but opRedeem
	Amount uint64 // opOpen, opTopUp
	N      uint64 // opOpen, opTopUp: makes the consent to the transfer another one
	Since  time.Time
	Rows   []claim // opRedeem; opAgreed: the one, signed by the payee
}

// claim is a voucher to be redeemed.
type claim struct {
	ID      common.Hash
	Terms   terms
	Voucher voucher
}

// outcome is what became of a call.
type outcome string

const (
	outcomeNone    outcome = ""        // never asked for
	outcomePending outcome = "pending" // sent, or to be sent
	outcomeFinal   outcome = "final"
	outcomeFailed  outcome = "failed" // it did nothing, certainly
)
