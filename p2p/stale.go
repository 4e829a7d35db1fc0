package p2p

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/multiformats/go-multistream"
)

const (
	// probeTimeout is how long the other end of a connection has to answer.
	probeTimeout = 2 * time.Second
	// maxProbes bounds how often a peer is asked that answers nowhere.
	maxProbes = 10
)

// dropStale closes the older connections to a peer of a new one whose other end
// does not answer any more. A QUIC connection to a process that was killed and
// started again lives on here until its idle timeout, and libp2p would open new
// streams on it all the while: it prefers the connection that has most.
func (h *Host) dropStale(ctx context.Context, lp host.Host, e event.EvtPeerIdentificationCompleted) {
	older := slices.DeleteFunc(lp.Network().ConnsToPeer(e.Peer), func(c network.Conn) bool {
		return c == e.Conn || c.IsClosed() || c.Stat().Limited || e.Conn == nil || c.Stat().Opened.After(e.Conn.Stat().Opened)
	})
	for _, c := range older {
		h.serving.Go(func() {
			if gone(func() error { return probe(ctx, c) }, func() error { return probe(ctx, e.Conn) }) && ctx.Err() == nil {
				h.log.Debug("closing a connection that is dead", "addr", c.RemoteMultiaddr().String())
				_ = c.Close()
			}
		})
	}
}

// gone tells whether the other end of an old connection is gone: twice it does not
// answer, and the new one does. Where one of the two machines has much else to do,
// or the network is slow, there is no answer on either for a while.
func gone(old, fresh func() error) bool {
	missed := 0
	for range maxProbes {
		if old() == nil {
			return false
		}
		if fresh() != nil {
			continue
		}
		if missed++; missed == 2 {
			return true
		}
	}
	return false
}

// probe asks the other end of a connection for its ping protocol; any answer
// will do.
func probe(ctx context.Context, c network.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	s, err := c.NewStream(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = s.Reset() }()
	defer context.AfterFunc(ctx, func() { _ = s.Reset() })()
	err = multistream.SelectProtoOrFail(protocol.ID(ping.ID), s)
	var no multistream.ErrNotSupported[protocol.ID]
	if errors.As(err, &no) {
		return nil
	}
	return err
}
