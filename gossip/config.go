package gossip

import (
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// Limits of the protocol: both sides hold to them.
const (
	MaxDocument = 16 << 10 // bytes of one document
	MaxFrame    = 64 << 10 // bytes of one frame of a sync session
	MaxSession  = 2 << 20  // bytes of a sync session, both ways together
	// MaxRelayed is MaxSession over a relay, whose volume is limited.
	MaxRelayed = 96 << 10
	// MaxAhead is how far a document's date may be ahead of the clock.
	MaxAhead = 10 * time.Minute
)

// Config says how a node takes part. Default fills it.
type Config struct {
	// Every is how long after one round of sync the next begins, give or take a
	// tenth.
	Every time.Duration
	// Standing tells what this node thinks of a peer by its own experience: a
	// score of 0 to 1, and whether a fraud is proven. Nil: nothing is known.
	Standing func(identity.PubKey) (score float64, fraud bool)
	// Trusted lists the peers to sync with beside random ones, best first. Nil:
	// none.
	Trusted func() []identity.PubKey
}

// Default returns the configuration of an ordinary node.
func Default() Config {
	return Config{Every: 10 * time.Minute}
}

// Validate returns the first thing wrong with c, wrapping ErrConfig.
func (c Config) Validate() error {
	if c.Every < time.Second {
		return fmt.Errorf("%w: sync every %s, at least a second", ErrConfig, c.Every)
	}
	return nil
}
