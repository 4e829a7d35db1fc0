package nwc

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/nbd-wtf/go-nostr"

	"infernet.tech/infernet/payments/lightning/ln"
)

const (
	scheme         = "nostr+walletconnect"
	defaultTimeout = 30 * time.Second
	defaultPoll    = 2 * time.Second
	maxRelays      = 5
)

// Config is a connection to a wallet, as its owner hands it out.
type Config struct {
	Wallet  string   // the wallet's key for this connection, in hex
	Relays  []string // any of them will do
	Secret  string   // our key for this connection, in hex: who has it can spend
	Timeout time.Duration
	Poll    time.Duration // how often Subscribe and a hold's Pay look
}

// Parse reads nostr+walletconnect://KEY?relay=URL&secret=HEX. Errors do not show
// the secret.
func Parse(uri string) (Config, error) {
	bad := func(why string) (Config, error) {
		return Config{}, fmt.Errorf("%w: the wallet's address (%s://KEY?relay=URL&secret=HEX): %s", ln.ErrSpec, scheme, why)
	}
	u, err := url.Parse(strings.TrimSpace(uri))
	if err != nil {
		return bad("it cannot be read")
	}
	key := u.Host
	if key == "" {
		key = u.Opaque // without the slashes, as some write it
	}
	q := u.Query()
	c := Config{Wallet: strings.ToLower(key), Relays: q["relay"], Secret: strings.ToLower(q.Get("secret"))}
	switch {
	case u.Scheme != scheme:
		return bad(fmt.Sprintf("it begins with %.30q", u.Scheme))
	case !nostr.IsValidPublicKey(c.Wallet):
		return bad("no key of the wallet")
	case len(c.Relays) == 0 || len(c.Relays) > maxRelays:
		return bad(fmt.Sprintf("%d relays; from 1 to %d will do", len(c.Relays), maxRelays))
	}
	if b, err := hex.DecodeString(c.Secret); err != nil || len(b) != 32 {
		return bad("no secret of 64 hex digits")
	}
	for _, r := range c.Relays {
		if err := checkRelay(r); err != nil {
			return bad(err.Error())
		}
	}
	return c, nil
}

// checkRelay wants TLS, but for a relay on this machine.
func checkRelay(relay string) error {
	u, err := url.Parse(relay)
	if err != nil || u.Host == "" {
		return fmt.Errorf("the relay %.80q cannot be read", relay)
	}
	ip := net.ParseIP(u.Hostname())
	near := u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback())
	if u.Scheme == "wss" || (u.Scheme == "ws" && near) {
		return nil
	}
	return fmt.Errorf("the relay %.80q: want wss://", relay)
}
