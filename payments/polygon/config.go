package polygon

import (
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
)

// Name is the rail's name in quotes and receipts.
const Name = "polygon"

// MaxBatch is how many channels one redeeming transaction names at most.
const MaxBatch = 50

// Config is what an operator decides about paying by channels. Amounts are in
// millionths of a USDC.
type Config struct {
	// Account says how much work is done before it is made good: the credit
	// window and how it grows. Name and Unit are set by New.
	Account account.Config

	Contract common.Address // of the channels
	Token    common.Address // USDC; zero: the network's own
	Start    uint64         // the block in which the contract was made; older ones are not read

	Deposit   uint64        // what a new channel holds; 0: this node opens none
	MaxLocked uint64        // what all of our channels together may hold
	DayLocked uint64        // what may be put into channels in any 24 hours; 0: bounded by MaxLocked alone
	TopUpAt   uint64        // thousandths of the deposit left at which it is topped up; 0: never
	Delay     time.Duration // of channels we open: how long a payee has after our close

	MinDelay time.Duration // of channels we take
	MaxDelay time.Duration // of channels we open, whatever the payee asks
	Patience time.Duration // how long a debt may stand before the peer is reported
	NoWork   time.Duration // how long it may stand before new work is refused
	Channels int           // of one peer, open to us at the same time
	// MaxCover is how much more than its limit a peer may owe while its channels
	// to us hold that much which no voucher promises. Such money is the payer's
	// until it signs, so this is what a payer that will not sign can cost.
	MaxCover uint64

	GasFactor  uint64 // redeem when it brings so many times its gas
	LastFactor uint64 // the same when Run ends, since nobody knows for how long
	// CoinPrice is what one whole native coin is taken to cost. It prices the gas
	// of redeeming and nothing else: where it is wrong money is fetched too early
	// or too late, never lost, because age and a close count without it, and gas
	// has a ceiling in the coin itself. 0: gas counts for nothing.
	CoinPrice  uint64
	Batch      int           // channels in one redeeming transaction
	StateAge   time.Duration // how old the known state of a channel may be
	FreshAge   time.Duration // for how long a look at the endpoints holds
	TermsAge   time.Duration // for how long a payee's terms hold
	Poll       time.Duration // how often Fund looks at an operation it waits for
	Reconcile  time.Duration // how often Run looks at everything
	AtOnce     int           // how many peers are settled with at the same time
	OpenWithin time.Duration // after which an unseen operation is shown as a difference
}

// Default returns what the notes on the subject recommend, for a payer of a few
// dollars a day. It opens no channel until Deposit and MaxLocked are set.
func Default() Config {
	acc := account.Default(Name, payments.MicroUSDC)
	acc.Ceiling = payments.MaxValue // what we owe is bounded by the payee's window and the day's ceiling
	acc.Growth = &account.Growth{Least: 20_000, Most: 5_000_000, PerMille: 50, Over: 30 * 24 * time.Hour}
	return Config{
		Account: acc,
		TopUpAt: 250, Delay: 24 * time.Hour,
		MinDelay: 6 * time.Hour, MaxDelay: 7 * 24 * time.Hour,
		Patience: 10 * time.Minute, NoWork: time.Minute, Channels: 4, MaxCover: 5_000_000,
		GasFactor: 50, LastFactor: 10, CoinPrice: 300_000, Batch: MaxBatch,
		StateAge: 15 * time.Second, FreshAge: 5 * time.Second, TermsAge: 10 * time.Minute,
		Poll: time.Second, Reconcile: 15 * time.Second, AtOnce: 8, OpenWithin: 10 * time.Minute,
	}
}

// Validate returns ErrConfig with the first thing that makes no sense.
func (c Config) Validate() error {
	for _, d := range []time.Duration{
		c.Delay, c.MinDelay, c.MaxDelay, c.Patience, c.NoWork,
		c.StateAge, c.FreshAge, c.TermsAge, c.Poll, c.Reconcile, c.OpenWithin,
	} {
		if d <= 0 {
			return fmt.Errorf("%w: durations must be above zero", ErrConfig)
		}
	}
	switch {
	case c.Deposit > payments.MaxValue || c.MaxLocked > payments.MaxValue || c.CoinPrice > payments.MaxValue || c.MaxCover > payments.MaxValue:
		return fmt.Errorf("%w: amount above %d", ErrConfig, payments.MaxValue)
	case c.Deposit > c.MaxLocked:
		return fmt.Errorf("%w: a deposit of %d where %d may be locked", ErrConfig, c.Deposit, c.MaxLocked)
	case c.TopUpAt > 1000:
		return fmt.Errorf("%w: top-up at %d of 1000", ErrConfig, c.TopUpAt)
	case c.MinDelay > c.MaxDelay || c.Delay > c.MaxDelay:
		return fmt.Errorf("%w: delays above the longest, %s", ErrConfig, c.MaxDelay)
	case c.Batch < 1 || c.Batch > MaxBatch || c.Channels < 1 || c.AtOnce < 1:
		return fmt.Errorf("%w: batch, channels and peers at once must be above zero, batch at most %d", ErrConfig, MaxBatch)
	}
	return nil
}
