package p2p

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	relayv2 "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/sync/errgroup"
)

// handlerGrace is how long Run waits for handlers whose context has ended.
const handlerGrace = 5 * time.Second

// Run listens, serves and keeps the host connected until ctx ends; then it
// returns nil, having closed everything. It returns an error (ErrListen, or
// that of the address book) when it cannot start. A host runs once.
func (h *Host) Run(ctx context.Context) error {
	book, err := h.remembered()
	if err != nil {
		return err
	}
	bootstrap, err := peerAddrs(h.cfg.Bootstrap)
	if err != nil {
		return err
	}
	lp, err := h.open()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	h.start(ctx, lp)
	defer h.stop(lp)
	defer cancel() // before stop, which waits for those who watch it
	if h.cfg.RelayService {
		r, err := relayv2.New(lp, relayv2.WithResources(relayResources()),
			// On a LAN or one machine the relay's own addresses are private.
			relayv2.WithReservationAddressFilter(func(ma.Multiaddr) bool { return true }))
		if err != nil {
			return fmt.Errorf("relay service: %w", err)
		}
		defer func() { _ = r.Close() }()
	}
	if h.cfg.MDNS {
		stop, err := h.startMDNS(ctx, lp)
		if err != nil {
			// A machine without multicast is no reason to stay off the network.
			h.log.Warn("no discovery on the local network", "err", err)
		} else {
			defer stop()
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.watchPeers(ctx, lp) })
	g.Go(func() error { h.keepConnected(ctx, lp, newDialer(bootstrap, book)); return nil })
	close(h.ready)
	h.log.Info("host runs", "npub", h.id.String(), "network", h.cfg.Network, "addrs", h.Addrs())
	err = g.Wait()
	h.remember()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// open makes the libp2p host and listens on every configured address: libp2p
// itself is content when one of them works.
func (h *Host) open() (host.Host, error) {
	listen, err := multiaddrs(h.cfg.Listen)
	if err != nil {
		return nil, err
	}
	lp, err := h.newLibp2p()
	if err != nil {
		return nil, err
	}
	for _, a := range listen {
		err := listenOn(lp.Network(), a)
		if err != nil && strings.HasPrefix(a.String(), "/ip6/::/") && !inUse(err) {
			h.log.Warn("no IPv6", "addr", a.String(), "err", err)
			continue
		}
		if err != nil {
			_ = lp.Close()
			return nil, fmt.Errorf("%w on %s: %w", ErrListen, a, err)
		}
	}
	return lp, nil
}

// listenOn keeps the operating system's error, which Listen flattens to text.
func listenOn(n network.Network, a ma.Multiaddr) error {
	if s, ok := n.(interface{ AddListenAddr(a ma.Multiaddr) error }); ok {
		return s.AddListenAddr(a)
	}
	return n.Listen(a)
}

func (h *Host) start(ctx context.Context, lp host.Host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lp, h.running = lp, ctx
	for proto, d := range h.handlers {
		lp.SetStreamHandler(proto, h.accept(proto, d))
	}
}

// stop is called when the context of the handlers has ended or will not be
// used: it waits for them before the connections go.
func (h *Host) stop(lp host.Host) {
	h.mu.Lock()
	h.lp, h.running = nil, nil
	for proto := range h.handlers {
		lp.RemoveStreamHandler(proto)
	}
	h.mu.Unlock()
	done := make(chan struct{})
	go func() { h.serving.Wait(); close(done) }()
	grace := time.NewTimer(handlerGrace)
	defer grace.Stop()
	select {
	case <-done:
	case <-grace.C:
		h.log.Warn("stream handlers did not end in time", "grace", handlerGrace)
	}
	if err := lp.Close(); err != nil {
		h.log.Warn("closing the host", "err", err)
	}
	<-done
}

// relayResources are sized for data, not only for hole punching: a relayed
// connection may carry a model of a gigabyte in half an hour.
func relayResources() relayv2.Resources {
	r := relayv2.DefaultResources()
	r.Limit = &relayv2.RelayLimit{Duration: 30 * time.Minute, Data: 2 << 30}
	r.BufferSize = 16 << 10
	// Many nodes may sit behind one address of a company or a carrier.
	r.MaxReservationsPerIP = 64
	r.MaxReservationsPerASN = 128
	return r
}
