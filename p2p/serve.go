package p2p

import (
	"context"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"

	"infernet.tech/infernet/p2p/identity"
)

// handler is one registered protocol and the streams it has open.
type handler struct {
	limits StreamLimits
	fn     func(context.Context, *Stream)

	mu    sync.Mutex
	total int
	peers map[identity.PubKey]int
	open  []*Stream // with limits.Yield: the oldest first
}

// take reserves a place; it reports whether there was one.
func (d *handler) take(p identity.PubKey) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.peers[p] >= d.limits.PerPeer || d.total >= d.limits.Total && !d.makeRoom(p) {
		return false
	}
	d.total++
	d.peers[p]++
	return true
}

// makeRoom ends a stream of the peer that holds the most, if p would still hold
// fewer with one more. So nobody keeps others out by holding on to streams. The
// mutex is held.
func (d *handler) makeRoom(p identity.PubKey) bool {
	most := d.peers[p] + 1
	oldest := -1
	for i, s := range d.open {
		if n := d.peers[s.Peer()]; n > most {
			oldest, most = i, n
		}
	}
	if oldest < 0 {
		return false
	}
	s := d.open[oldest]
	d.open = slices.Delete(d.open, oldest, oldest+1)
	d.leave(s.Peer())
	go func() { _ = s.Reset() }() // its handler ends by itself then
	return true
}

// greedy tells whether a peer holds all that one peer may.
func (d *handler) greedy(p identity.PubKey) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.peers[p] >= d.limits.PerPeer
}

// opened makes a stream one that may give way.
func (d *handler) opened(s *Stream) {
	if d.limits.Yield {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.open = append(d.open, s)
	}
}

// closed gives a stream's place back, unless it had to give way.
func (d *handler) closed(s *Stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.limits.Yield {
		i := slices.Index(d.open, s)
		if i < 0 {
			return
		}
		d.open = slices.Delete(d.open, i, i+1)
	}
	d.leave(s.Peer())
}

// leave counts one stream less; the mutex is held.
func (d *handler) leave(p identity.PubKey) {
	d.total--
	if d.peers[p]--; d.peers[p] == 0 {
		delete(d.peers, p)
	}
}

// Handle serves proto with fn, from the time the host runs. Each inbound stream
// gets a goroutine; it is closed when fn returns, reset when fn panics (which
// is contained and logged). The context ends with the host's Run and with the
// stream's life. Streams above the limits are reset and count against the peer.
// A second call replaces the first.
func (h *Host) Handle(proto protocol.ID, lim StreamLimits, fn func(ctx context.Context, s *Stream)) {
	d := &handler{limits: lim.orDefault(), fn: fn, peers: make(map[identity.PubKey]int)}
	h.mu.Lock()
	h.handlers[proto] = d
	lp := h.lp
	h.mu.Unlock()
	if lp != nil {
		lp.SetStreamHandler(proto, h.accept(proto, d))
	}
}

// limits returns the limits proto was registered with, or the default ones.
func (h *Host) limits(proto protocol.ID) StreamLimits {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d := h.handlers[proto]; d != nil {
		return d.limits
	}
	return DefaultStreamLimits()
}

// accept is called by libp2p on a goroutine of the stream's own.
func (h *Host) accept(proto protocol.ID, d *handler) network.StreamHandler {
	return func(raw network.Stream) {
		p, err := identity.FromPeerID(raw.Conn().RemotePeer())
		if err != nil {
			_ = raw.Reset() // an address check's passing key; it has no business here
			return
		}
		ctx, ok := h.enter()
		if !ok {
			_ = raw.Reset()
			return
		}
		defer h.serving.Done()
		if !d.take(p) {
			_ = raw.Reset()
			if d.greedy(p) { // that others hold all of them is not its fault
				h.Penalise(p, 1, "too many streams of "+string(proto))
			}
			return
		}
		s := newStream(raw, p, d.limits.Idle)
		d.opened(s)
		defer d.closed(s)
		h.serve(ctx, proto, d, s)
	}
}

// enter joins the running host; serving must be told when it is done.
func (h *Host) enter() (context.Context, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running == nil || h.running.Err() != nil {
		return nil, false
	}
	h.serving.Add(1)
	return h.running, true
}

func (h *Host) serve(ctx context.Context, proto protocol.ID, d *handler, s *Stream) {
	ctx, cancel := context.WithTimeout(ctx, d.limits.Life)
	defer cancel()
	// A handler blocked in a read must not outlive the host or its time.
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	start := time.Now()
	defer func() {
		if r := recover(); r != nil {
			_ = s.Reset()
			h.log.Error("stream handler panicked", "protocol", proto, "peer", s.Peer().Short(),
				"panic", r, "after", time.Since(start), "stack", string(debug.Stack()))
		}
	}()
	d.fn(ctx, s)
	_ = s.Close()
}
