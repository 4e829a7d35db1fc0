package chain

import (
	"fmt"
	"time"

	"infernet.tech/infernet/store"
)

// Budget is the ceiling on what is spent of the chain's own coin, in gwei;
// *ceiling.Daily is one. Take is called in the transaction that gives an Op its
// nonce, with the most it can cost, before anything is signed; when it is done,
// Return and Take of what it did cost.
type Budget interface {
	Take(tx store.Txn, ref string, gwei uint64) error
	Return(tx store.Txn, ref string) error
}

// SenderConfig says how transactions are sent; a zero field is the default in
// brackets.
type SenderConfig struct {
	// MaxFee is the ceiling of the fee with its tip in wei a gas; over it
	// nothing is sent until gas is cheaper [Profile.MaxFee].
	MaxFee uint64
	// MaxGas is the largest gas limit of one Op [5,000,000].
	MaxGas uint64
	// BumpEvery is how long a transaction is given before it is sent again for
	// an eighth more [30 s].
	BumpEvery time.Duration
	// SignTimeout is how long the signer may take [2 min: a person may have to
	// nod]. Other Ops wait meanwhile.
	SignTimeout time.Duration
	// MaxPending is how many Ops have a nonce at once [16].
	MaxPending int
}

func (c SenderConfig) withDefaults(p Profile) SenderConfig {
	if c.MaxFee == 0 {
		c.MaxFee = p.MaxFee
	}
	if c.MaxGas == 0 {
		c.MaxGas = 5_000_000
	}
	if c.BumpEvery == 0 {
		c.BumpEvery = 30 * time.Second
	}
	if c.SignTimeout == 0 {
		c.SignTimeout = 2 * time.Minute
	}
	if c.MaxPending == 0 {
		c.MaxPending = 16
	}
	return c
}

// These bound fee times gas, so that products stay in 64 bits.
const (
	maxFeeWei = 100_000 * Gwei
	maxGas    = 30_000_000
)

// Validate returns ErrConfig for values that cannot work.
func (c SenderConfig) Validate(p Profile) error {
	c = c.withDefaults(p)
	switch {
	case c.MaxFee < p.MinTip || c.MaxFee > maxFeeWei:
		return fmt.Errorf("%w: a fee ceiling of %d wei is under the least tip or over %d", ErrConfig, c.MaxFee, maxFeeWei)
	case c.MaxGas < transferGas || c.MaxGas > maxGas:
		return fmt.Errorf("%w: a gas limit of %d", ErrConfig, c.MaxGas)
	case c.BumpEvery < 0 || c.SignTimeout < 0 || c.MaxPending < 1:
		return fmt.Errorf("%w: negative limit of the sender", ErrConfig)
	}
	return nil
}
