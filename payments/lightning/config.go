package lightning

import (
	"fmt"
	"time"

	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
)

// Name is the rail's name in quotes and receipts.
const Name = "lightning"

// Sat is one satoshi in millisatoshi.
const Sat uint64 = 1000

// The limits that no configuration can loosen: below them a payment is in
// danger, for lnd gives held payments up 18 blocks before they are lost.
const (
	leastCancelBlocks = 24
	leastSettleBlocks = 18
	mostWork          = 2 * time.Hour
)

// Config is what an operator decides. Amounts are in millisatoshi.
type Config struct {
	// Account says how much is given on credit and how long exchanges take; its
	// Name and Unit are set by New.
	Account account.Config

	Least       uint64        // no invoice below it; what is owed accumulates
	Batch       uint64        // settle at once from here
	Linger      time.Duration // settle what is owed for so long, if Least
	Fee         uint64        // what a payment's fees may come to, whatever its size
	FeePerMille uint64        // or so much of it, whichever is more
	PayFor      time.Duration // how long a route is looked for
	CLTVLimit   uint32        // blocks a payment may be locked for at most
	InvoiceFor  time.Duration // how long an invoice may be paid
	PauseAfter  time.Duration // a window unpaid so long: nothing more on credit
	ReportAfter time.Duration // a window unpaid so long: the peer is reported

	MaxHold      uint64        // one hold at most
	Work         time.Duration // how long a hold lasts unless the payer says otherwise
	Holds        int           // to or from one peer, and on one channel of ours
	HeldPerMille uint64        // of our channels' local balance, held at most
	FundFor      time.Duration // how long Fund waits until the money is locked
	CancelBlocks uint32        // the payee cancels so long before the end
	SettleBlocks uint32        // and does not settle from here
}

// Default returns the limits for dealing with strangers: 200 sat on credit,
// growing to 20,000 with a twentieth of what was settled in thirty days, holds
// of 5,000 sat.
func Default() Config {
	return Config{
		Account: account.Config{
			Ceiling: 100_000 * Sat, Accounts: 10_000,
			Exchange: 20 * time.Second, Reconcile: 10 * time.Second, ExpectFor: 24 * time.Hour,
			Growth: &account.Growth{Least: 200 * Sat, Most: 20_000 * Sat, PerMille: 50, Over: 30 * 24 * time.Hour},
		},
		Least: 50 * Sat, Batch: 1000 * Sat, Linger: 5 * time.Second,
		Fee: 2 * Sat, FeePerMille: 10, PayFor: 30 * time.Second, CLTVLimit: 600,
		InvoiceFor: 5 * time.Minute, PauseAfter: time.Minute, ReportAfter: 10 * time.Minute,
		MaxHold: 5000 * Sat, Work: time.Hour, Holds: 8, HeldPerMille: 250, FundFor: time.Minute,
		CancelBlocks: leastCancelBlocks, SettleBlocks: leastSettleBlocks,
	}
}

// Validate returns ErrConfig with the first thing that makes no sense.
func (c Config) Validate() error {
	for _, v := range []struct {
		bad bool
		why string
	}{
		{c.Least < 50*Sat, "least below 50 sat: the fees would eat it"},
		{c.MaxHold < c.Least || c.MaxHold > payments.MaxValue/2, "largest hold out of range"},
		{c.Batch < c.Least || c.Batch > payments.MaxValue/2, "batch below the least invoice"},
		{c.FeePerMille > 1000 || c.Fee > payments.MaxValue/2, "fee limit out of range"},
		{c.HeldPerMille > 1000 || c.Holds < 1 || c.Holds > 64, "limits of holds out of range"},
		{c.CancelBlocks < leastCancelBlocks, "cancelling later than 24 blocks before the end is not safe"},
		{c.SettleBlocks < leastSettleBlocks || c.SettleBlocks > c.CancelBlocks, "settling within 18 blocks of the end is not safe"},
		{c.Work <= 0 || c.Work > mostWork, "work behind a hold lasts two hours at most"},
		{c.CLTVLimit < 144 || c.CLTVLimit > 2016, "cltv limit out of range"},
		{c.Linger < 0 || min(c.PayFor, c.InvoiceFor, c.PauseAfter, c.ReportAfter, c.FundFor) <= 0, "durations must be above zero"},
		{c.InvoiceFor < 2*c.PayFor || c.InvoiceFor > time.Hour, "an invoice lasts twice the time a payment takes, and an hour at most"},
	} {
		if v.bad {
			return fmt.Errorf("%w: %s", ErrConfig, v.why)
		}
	}
	return nil
}

// feeLimit is the most that fees for a payment of v may come to.
func (c Config) feeLimit(v uint64) uint64 {
	return max(c.Fee, v/1000*c.FeePerMille)
}

// holdBlocks is the final lock a hold needs whose work lasts d: the time that
// blocks may take, threefold, on top of the blocks in which nothing is safe.
func holdBlocks(d time.Duration) uint32 {
	slow := (3*d + 10*time.Minute - 1) / (10 * time.Minute)
	return max(40, leastSettleBlocks+6+uint32(slow))
}

// lockFor is how long a hold invoice may be paid: a payer does so at once, and
// what is not locked takes a place.
func (c Config) lockFor() time.Duration { return c.PayFor + c.FundFor }
