package mirror

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// Config says where the mirror listens and what it has hands for.
type Config struct {
	Listen string // loopback host:port; port 0 is any
	// Elsewhere takes any free port when that of Listen is in use.
	Elsewhere bool
	Self      identity.PubKey // whose names need no npub in front of them
	Requests  int             // answered at once; four times as many may wait
	Stall     time.Duration   // a client that takes nothing for so long is left
}

// Default listens at 127.0.0.1:4590.
func Default() Config {
	return Config{Listen: "127.0.0.1:4590", Requests: 64, Stall: time.Minute}
}

// Validate returns what is wrong with the configuration; ErrListen for an
// address that is not loopback.
func (c Config) Validate() error {
	addr, err := netip.ParseAddrPort(c.Listen)
	if err != nil {
		return fmt.Errorf("%w: %q", ErrListen, c.Listen)
	}
	if !addr.Addr().IsLoopback() {
		return fmt.Errorf("%w: %s", ErrListen, c.Listen)
	}
	if c.Requests <= 0 || c.Stall <= 0 {
		return errors.New("mirror: requests and stall must be more than nothing")
	}
	return nil
}
