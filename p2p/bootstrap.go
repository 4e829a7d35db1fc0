package p2p

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
	// wantPeers is how many connections make remembered peers unnecessary.
	wantPeers = 8
	// maxDials bounds dials at a time; a cold start may have 64 stale addresses.
	maxDials  = 8
	saveEvery = 10 * time.Minute
)

// dialer decides whom to dial next. It has no clock of its own.
type dialer struct{ targets []*target }

type target struct {
	info  peer.AddrInfo
	keep  bool // a bootstrap peer: kept connected always
	next  time.Time
	wait  time.Duration
	tries int
}

// newDialer joins configured and remembered peers; a peer in both is a
// bootstrap peer.
func newDialer(bootstrap, remembered []peer.AddrInfo) *dialer {
	d := &dialer{}
	seen := make(map[peer.ID]bool)
	for i, info := range append(append([]peer.AddrInfo(nil), bootstrap...), remembered...) {
		if !seen[info.ID] {
			seen[info.ID] = true
			d.targets = append(d.targets, &target{info: info, keep: i < len(bootstrap)})
		}
	}
	return d
}

// due returns whom to dial at t, given who is connected, and when to look
// again. Remembered peers wait until bootstrap peers had their first chance to
// fail or connect, and are left alone when there are peers enough.
func (d *dialer) due(t time.Time, connected func(peer.ID) bool, peers int) ([]*target, time.Duration) {
	var out []*target
	wait := 15 * time.Second
	for _, g := range d.targets {
		if connected(g.info.ID) {
			g.wait, g.next = 0, time.Time{}
			continue
		}
		if !g.keep && peers+len(out) >= wantPeers {
			continue
		}
		if g.next.After(t) {
			wait = min(wait, g.next.Sub(t))
		} else {
			out = append(out, g)
		}
	}
	return out, max(wait, 100*time.Millisecond)
}

// failed schedules the next try: doubling waits, with jitter so that a network
// does not come back all at once. jitter is in [0,1).
func (g *target) failed(t time.Time, jitter float64) {
	g.wait = min(max(2*g.wait, firstRetry), lastRetry)
	g.next = t.Add(g.wait/2 + time.Duration(jitter*float64(g.wait)/2) + g.wait/4)
	g.tries++
}

// keepConnected dials until ctx ends.
func (h *Host) keepConnected(ctx context.Context, lp host.Host, d *dialer) {
	for _, g := range d.targets {
		if g.keep {
			lp.ConnManager().Protect(g.info.ID, "bootstrap")
		}
	}
	save := time.NewTicker(saveEvery)
	defer save.Stop()
	connected := func(id peer.ID) bool { return lp.Network().Connectedness(id) == network.Connected }
	for {
		list, wait := d.due(time.Now(), connected, len(lp.Network().Peers()))
		if len(list) > 0 {
			h.dialAll(ctx, lp, list)
			wait = min(wait, firstRetry)
		}
		again := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			again.Stop()
			return
		case <-save.C:
			h.remember()
		case <-again.C:
		}
		again.Stop()
	}
}

func (h *Host) dialAll(ctx context.Context, lp host.Host, list []*target) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, maxDials)
	for _, g := range list {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, openTimeout)
			defer cancel()
			if err := lp.Connect(ctx, g.info); err != nil {
				g.failed(time.Now(), rand.Float64())
				if g.keep && ctx.Err() == nil && g.tries == 1 {
					h.log.Warn("bootstrap peer not reached", "peer", g.info.ID, "err", err)
				}
				return
			}
			g.tries = 0
		})
	}
	wg.Wait()
}
