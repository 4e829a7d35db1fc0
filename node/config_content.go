package node

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"infernet.tech/infernet/p2p/identity"
)

// ContentConfig says what a node keeps and what it gives to others.
type ContentConfig struct {
	Quota      uint64   // bytes of content kept; 0 no limit but the disk's
	Private    bool     // nothing is shared unless it is said of the thing itself
	Rate       uint64   // bytes a second to all peers together; 0 unlimited
	PeerRate   uint64   // bytes a second to one peer; 0 unlimited
	DailyCap   uint64   // bytes a day to peers outside jobs; 0 unlimited
	Price      uint64   // credits per GiB to peers outside jobs; 0 free
	MaxPrice   uint64   // credits per GiB that this node pays; 0: it fetches only what is free
	Mirror     string   // loopback host:port of the mirror of images; MirrorOff for none
	Publishers []string // npubs whose names images without an npub may mean
}

// MirrorAddr is where nodes mirror images when nothing else is said; the next
// nodes of a machine take any free port. MirrorOff is no mirror at all.
const (
	MirrorAddr = "127.0.0.1:4590"
	MirrorOff  = "off"
)

// leastRate is what node/delivery can keep.
const leastRate = 4 << 10

// mostPerGiB bounds prices of content.
const mostPerGiB = 1 << 40

func (c ContentConfig) validate() error {
	var errs []error
	if max(c.Price, c.MaxPrice) > mostPerGiB {
		errs = append(errs, fmt.Errorf("content-price, max-content-price: at most %d credits per GiB", uint64(mostPerGiB)))
	}
	for name, rate := range map[string]uint64{"upload-rate": c.Rate, "upload-rate-peer": c.PeerRate} {
		if rate > 0 && rate < leastRate {
			errs = append(errs, fmt.Errorf("%s: %d bytes a second: below %d peers would take it for silence", name, rate, leastRate))
		}
	}
	if c.Mirror != MirrorOff {
		errs = append(errs, checkLoopback(c.Mirror))
	}
	for _, p := range c.Publishers {
		if _, err := identity.ParsePubKey(p); err != nil {
			errs = append(errs, fmt.Errorf("publisher: %.80q is no npub", p))
		}
	}
	return errors.Join(errs...)
}

// checkLoopback refuses an address that other machines could reach: the mirror
// asks nobody who they are.
func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("mirror: %.80q: write HOST:PORT or %s", addr, MirrorOff)
	}
	if ip := net.ParseIP(strings.Trim(host, "[]")); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("mirror: %.80q is not on this machine alone: use 127.0.0.1 or ::1", addr)
	}
	return nil
}
