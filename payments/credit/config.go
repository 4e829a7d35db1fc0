package credit

import (
	"context"
	"fmt"
	"io"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// Conn is one connection to a peer, already authenticated. Closing it must end
// a Read that waits. Where it has SetDeadline or Reset, they are used.
type Conn = io.ReadWriteCloser

// Dialer opens a Conn to a peer's ServeStream.
type Dialer func(ctx context.Context, peer identity.PubKey) (Conn, error)

// Config is what an operator decides about giving and taking credit.
type Config struct {
	Limit     uint64                     // how much a peer may owe us, in credits
	Limits    map[identity.PubKey]uint64 // the same for single peers, instead of Limit
	Ceiling   uint64                     // how much we let ourselves owe one peer, in credits
	Accounts  int                        // with how many peers at most
	Exchange  time.Duration              // how long a note and its answer may take
	Reconcile time.Duration              // how often Run looks at what is open
	ExpectFor time.Duration              // after how long Run waives an expected payment
}

// Default returns limits that suit strangers: little credit, patience of a day.
func Default() Config {
	return Config{
		Limit: 10_000, Ceiling: 10_000, Accounts: 10_000,
		Exchange: 20 * time.Second, Reconcile: 30 * time.Second, ExpectFor: 24 * time.Hour,
	}
}

// Validate returns ErrConfig with the first field that makes no sense.
func (c Config) Validate() error {
	if c.Limit > payments.MaxValue || c.Ceiling > payments.MaxValue {
		return fmt.Errorf("%w: limit above %d", ErrConfig, payments.MaxValue)
	}
	for peer, limit := range c.Limits {
		if limit > payments.MaxValue {
			return fmt.Errorf("%w: limit of %s above %d", ErrConfig, peer.Short(), payments.MaxValue)
		}
	}
	if c.Accounts < 1 || c.Exchange <= 0 || c.Reconcile <= 0 || c.ExpectFor <= 0 {
		return fmt.Errorf("%w: accounts and durations must be above zero", ErrConfig)
	}
	return nil
}

func (c Config) limit(peer identity.PubKey) uint64 {
	if l, ok := c.Limits[peer]; ok {
		return l
	}
	return c.Limit
}
