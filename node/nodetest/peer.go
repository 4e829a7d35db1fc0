package nodetest

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Peer is a key on the network that says whatever a test makes it say. It is
// no node: nothing stands between the test and the wire.
type Peer struct {
	c    *Cluster
	Key  *identity.Key
	Host *p2p.Host
	stop func()
}

// Peer makes a peer, connected to the cluster's first node.
func (c *Cluster) Peer() *Peer {
	c.t.Helper()
	key, err := identity.Generate()
	if err != nil {
		c.t.Fatal(err)
	}
	cfg := p2p.Default(devnet)
	cfg.Listen, cfg.MDNS, cfg.NAT = []string{loopback}, false, false
	cfg.Bootstrap = []string{c.seed}
	// Only the limits of the node under test hold it back.
	cfg.MaxStreams, cfg.PeerStreams = 1<<16, 1<<15
	cfg.MaxMemory, cfg.PeerMemory = 4<<30, 2<<30
	host, err := p2p.New(cfg, key, nil, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	p := &Peer{c: c, Key: key, Host: host}
	p.stop = c.background(host.Run)
	c.await("peer", host.Ready())
	return p
}

// background runs fn until the returned function is called, at the test's end
// at the latest.
func (c *Cluster) background(fn func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- fn(ctx) }()
	stop = func() {
		if cancel == nil {
			return
		}
		cancel()
		cancel = nil
		if err := <-done; err != nil {
			c.t.Errorf("background: %v", err)
		}
	}
	c.t.Cleanup(stop)
	return stop
}

// await waits for what was started.
func (c *Cluster) await(what string, ready <-chan struct{}) {
	c.t.Helper()
	select {
	case <-ready:
	case <-time.After(Patience):
		c.t.Fatalf("%s: not ready in time", what)
	}
}

// ID is the peer's public key.
func (p *Peer) ID() identity.PubKey { return p.Key.PubKey() }

// NPub is the peer's name.
func (p *Peer) NPub() string { return p.ID().String() }

// Close takes the peer off the network.
func (p *Peer) Close() { p.stop() }

// Dial connects the peer to a member.
func (p *Peer) Dial(m *Member) error {
	return p.Host.Connect(p.c.t.Context(), m.Addr())
}

// Open opens a stream to a member; it ends with the test.
func (p *Peer) Open(m *Member, proto protocol.ID) (*p2p.Stream, error) {
	if err := p.Dial(m); err != nil {
		return nil, err
	}
	s, err := p.Host.Open(p.c.t.Context(), m.Key(), proto)
	if err != nil {
		return nil, err
	}
	return s, s.SetDeadline(time.Now().Add(answerWithin))
}

// answerWithin is how long a peer waits for an answer that may never come.
const answerWithin = time.Minute

// Seal signs a document with the peer's key.
func (p *Peer) Seal(m wire.Message) wire.Event { return Seal(p.c.t, p.Key, m, time.Now()) }

// Ask sends documents on a new stream and returns the first answer.
func (p *Peer) Ask(m *Member, proto protocol.ID, docs ...wire.Event) (wire.Event, error) {
	s, err := p.Open(m, proto)
	if err != nil {
		return wire.Event{}, err
	}
	defer s.Close()
	for _, d := range docs {
		if err := wire.WriteEvent(s, d); err != nil {
			return wire.Event{}, err
		}
	}
	return wire.ReadAnswer(s.Reader, s.Peer())
}

// Code sends documents and returns the code of the refusal that answers them,
// or "" and the document when it is none.
func (p *Peer) Code(m *Member, proto protocol.ID, docs ...wire.Event) (string, wire.Event) {
	p.c.t.Helper()
	ev, err := p.Ask(m, proto, docs...)
	if err != nil {
		p.c.t.Fatalf("no answer: %v", err)
	}
	if ev.Kind != wire.KindError {
		return "", ev
	}
	e, err := wire.Decode[wire.Error](ev)
	if err != nil {
		p.c.t.Fatal(err)
	}
	return e.Code, ev
}

// Send sends raw bytes on a new stream, ends it, and returns what is answered
// until the other side ends it too.
func (p *Peer) Send(m *Member, proto protocol.ID, raw []byte) ([]byte, error) {
	s, err := p.Open(m, proto)
	if err != nil {
		return nil, err
	}
	defer s.Reset()
	if _, err := s.Write(raw); err != nil {
		return nil, err
	}
	if err := s.CloseWrite(); err != nil {
		return nil, err
	}
	return readSome(s)
}
