package chain

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

const (
	maxRPCs          = 3
	defaultTimeout   = 10 * time.Second
	defaultMaxAnswer = 4 << 20
)

// Config says how the chain is read.
type Config struct {
	Profile Profile
	// RPCs are one to three JSON-RPC endpoints over HTTP, of different
	// operators where money counts. What they hold of keys is never shown.
	RPCs []string
	// Quorum is how many have to answer, and alike; 0 is two where there are
	// two or more, else one.
	Quorum int
	// Plain allows HTTP without TLS to other than loopback and private
	// addresses: who sits between could tell us any state of the chain.
	Plain bool
	// Timeout of one call; 0 is 10 s.
	Timeout time.Duration
	// MaxAnswer is the largest answer in bytes; 0 is 4 MiB.
	MaxAnswer int64
	// Transport carries the requests; nil is one of its own.
	Transport http.RoundTripper
	// Clock is compared with the blocks' times; nil is time.Now.
	Clock func() time.Time
	// Log may be nil.
	Log *slog.Logger
}

// withDefaults fills what is left open.
func (c Config) withDefaults() Config {
	if c.Quorum == 0 {
		c.Quorum = min(2, len(c.RPCs))
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.MaxAnswer == 0 {
		c.MaxAnswer = defaultMaxAnswer
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate returns ErrConfig for a configuration that cannot work; it asks
// nobody.
func (c Config) Validate() error {
	if err := c.Profile.Validate(); err != nil {
		return err
	}
	c = c.withDefaults()
	switch {
	case len(c.RPCs) == 0 || len(c.RPCs) > maxRPCs:
		return fmt.Errorf("%w: 1 to %d endpoints, not %d", ErrConfig, maxRPCs, len(c.RPCs))
	case c.Quorum < 1 || c.Quorum > len(c.RPCs):
		return fmt.Errorf("%w: a quorum of %d of %d endpoints", ErrConfig, c.Quorum, len(c.RPCs))
	case c.Timeout < 0, c.MaxAnswer < 0:
		return fmt.Errorf("%w: negative limit", ErrConfig)
	}
	for i, raw := range c.RPCs {
		// One endpoint named twice would agree with itself.
		if slices.Contains(c.RPCs[:i], raw) {
			return fmt.Errorf("%w: endpoint %d is named twice", ErrConfig, i+1)
		}
		if _, err := c.hostOf(raw); err != nil {
			return fmt.Errorf("%w: endpoint %d: %w", ErrConfig, i+1, err)
		}
	}
	return nil
}

// hostOf returns the part of an endpoint's URL that can be shown. Errors do
// not repeat the URL, which often holds a key.
func (c Config) hostOf(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("not a URL with a host")
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme != "http":
		return "", fmt.Errorf("scheme %.10q; it takes https, or http nearby", u.Scheme)
	case !c.Plain && !nearby(u.Hostname()):
		return "", fmt.Errorf("plain http to %.80q, which is not on this machine or network", u.Hostname())
	}
	return u.Host, nil
}

// nearby tells whether host is this machine or an address of a private network.
func nearby(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && (addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast())
}
