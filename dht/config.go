package dht

import (
	"context"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// Router finds and announces who has what. There are two: DHT over Kademlia and
// one in memory in dhttest; dhttest.Conformance holds both.
type Router interface {
	// Provide announces this node under the keys. ErrBadKey: nothing was
	// announced.
	Provide(ctx context.Context, keys []Key) error
	// Find returns at most max nodes that announced k, in no order, never this
	// one. Nobody found is no error.
	Find(ctx context.Context, k Key, max int) ([]identity.PubKey, error)
}

// ProvideValidity is how long a record is served after it was announced.
const ProvideValidity = 2 * time.Hour

// Records are renewed after republish ± republishJitter: three chances in
// ProvideValidity, and no two nodes in step.
const (
	republish       = 45 * time.Minute
	republishJitter = 15 * time.Minute
)

// Config bounds the work of one node for the table. Default fills it.
type Config struct {
	// Client makes a node that asks and announces but keeps nothing for others:
	// for short-lived programs. Other nodes keep records unless they find that
	// they cannot be dialled.
	Client bool
	// MaxPerIPGroup is how many members of one network (/16 of IPv4, AS of
	// IPv6) the routing table takes; 0 is no limit. Private and loopback
	// addresses are not counted.
	MaxPerIPGroup int
	// MaxRecords bounds the records kept for others, about 300 bytes each,
	// MaxPerPeer those of one provider: MaxContent and its attributes.
	MaxRecords, MaxPerPeer int
	// FindTimeout bounds one lookup, FetchTimeout the fetch of one offer.
	FindTimeout, FetchTimeout time.Duration
	// JoinWait is how long Search waits for a first member of the table.
	JoinWait time.Duration
}

// Default returns the configuration of a node on the open internet.
func Default() Config {
	return Config{
		MaxPerIPGroup: 3, MaxRecords: 100_000, MaxPerPeer: MaxContent + 1000,
		FindTimeout: 5 * time.Second, FetchTimeout: 3 * time.Second, JoinWait: 2 * time.Second,
	}
}

// Validate returns the first thing wrong with c, wrapping ErrConfig.
func (c Config) Validate() error {
	if c.MaxPerIPGroup < 0 || c.MaxPerPeer < 1 || c.MaxRecords < c.MaxPerPeer {
		return fmt.Errorf("%w: want max per ip group >= 0 and 1 <= max per peer <= max records", ErrConfig)
	}
	if c.FindTimeout <= 0 || c.FetchTimeout <= 0 || c.JoinWait < 0 {
		return fmt.Errorf("%w: timeouts must be positive", ErrConfig)
	}
	return nil
}
