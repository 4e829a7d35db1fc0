package p2p

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"infernet.tech/infernet/p2p/identity"
)

func newKey(t *testing.T) *identity.Key {
	t.Helper()
	k, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func loopback() Config {
	c := Default("test")
	c.Listen = []string{"/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"}
	c.MDNS = false
	return c
}

// run starts a host and returns it ready; the test's end stops it and checks
// that Run returned nil.
func run(t *testing.T, cfg Config, book AddrBook) *Host {
	t.Helper()
	h, err := New(cfg, newKey(t), book, nil)
	if err != nil {
		t.Fatal(err)
	}
	runHost(t, h)
	return h
}

func runHost(t *testing.T, h *Host) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	var once atomic.Bool
	stop = func() {
		cancel()
		if once.Swap(true) {
			return
		}
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(stop)
	select {
	case <-h.Ready():
	case err := <-done:
		once.Store(true)
		t.Fatalf("Run: %v", err)
	}
	return stop
}

func connect(t *testing.T, a, b *Host) {
	t.Helper()
	if err := a.Connect(t.Context(), b.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition of the real network.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(3 * time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		case <-tick.C:
		}
	}
}

func TestEcho(t *testing.T) {
	t.Parallel()
	for _, transport := range []int{0, 1} {
		a, b := run(t, loopback(), nil), run(t, loopback(), nil)
		b.Handle(ProtoJob, StreamLimits{}, func(_ context.Context, s *Stream) {
			if s.Peer() != a.ID() {
				t.Error("the handler sees another peer")
			}
			_, _ = io.Copy(s, s)
		})
		if err := a.Connect(t.Context(), b.Addrs()[transport]); err != nil {
			t.Fatal(err)
		}
		s, err := a.Open(t.Context(), b.ID(), ProtoJob)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte("hello\n")); err != nil {
			t.Fatal(err)
		}
		_ = s.CloseWrite()
		got, err := io.ReadAll(s)
		if err != nil || string(got) != "hello\n" {
			t.Fatalf("read %q, %v", got, err)
		}
		if ps := a.Peers(); len(ps) != 1 || ps[0].Peer != b.ID() || ps[0].Inbound || ps[0].Relayed {
			t.Errorf("peers: %+v", ps)
		}
		eventually(t, "agent of the peer", func() bool { ps := b.Peers(); return len(ps) == 1 && ps[0].Agent == "infernet/dev" })
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	a, b := run(t, loopback(), nil), run(t, loopback(), nil)
	if _, err := a.Open(t.Context(), newKey(t).PubKey(), ProtoJob); !errors.Is(err, ErrUnreachable) {
		t.Errorf("unknown peer: %v", err)
	}
	connect(t, a, b)
	if _, err := a.Open(t.Context(), b.ID(), "/infernet/none/1"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("unknown protocol: %v", err)
	}
	for _, addr := range []string{"", "/ip4/127.0.0.1/tcp/1", "nonsense"} {
		if err := a.Connect(t.Context(), addr); !errors.Is(err, ErrBadAddr) {
			t.Errorf("Connect(%q): %v", addr, err)
		}
	}
	idle, err := New(loopback(), newKey(t), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := idle.Open(t.Context(), b.ID(), ProtoJob); !errors.Is(err, ErrNotRunning) {
		t.Errorf("host that does not run: %v", err)
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	a := run(t, loopback(), nil)
	var listen string
	for _, m := range a.Libp2p().Addrs() {
		if _, err := m.ValueForProtocol(0x0111); err == nil { // udp
			listen = m.String()
		}
	}
	cfg := loopback()
	cfg.Listen = []string{"/ip4/127.0.0.1/tcp/0", listen}
	b, err := New(cfg, newKey(t), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Run(t.Context()); !errors.Is(err, ErrListen) || !inUse(err) {
		t.Errorf("Run on a taken port: %v", err)
	}
}

func TestPanicIsContained(t *testing.T) {
	t.Parallel()
	a, b := run(t, loopback(), nil), run(t, loopback(), nil)
	b.Handle(ProtoJob, StreamLimits{PerPeer: 1}, func(_ context.Context, s *Stream) {
		if c, _ := s.ReadByte(); c == 'p' {
			panic("as asked")
		}
		_, _ = s.Write([]byte("ok"))
	})
	connect(t, a, b)
	for _, c := range []struct{ send, want string }{{"p", ""}, {"x", "ok"}, {"p", ""}, {"x", "ok"}} {
		s, err := a.Open(t.Context(), b.ID(), ProtoJob)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = s.Write([]byte(c.send))
		got, err := io.ReadAll(s)
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("after %q: %q, %v", c.send, got, err)
		}
		// The handler frees its place after the answer was sent.
		eventually(t, "free place", func() bool { return b.openStreams() == 0 })
	}
}

// openStreams counts the inbound streams being served.
func (h *Host) openStreams() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, d := range h.handlers {
		d.mu.Lock()
		n += d.total
		d.mu.Unlock()
	}
	return n
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	a, b := run(t, loopback(), nil), run(t, loopback(), nil)
	ended := make(chan error, 2)
	block := func(_ context.Context, s *Stream) { _, err := s.ReadByte(); ended <- err }
	b.Handle(ProtoJob, StreamLimits{Idle: 50 * time.Millisecond}, block)
	b.Handle(ProtoLog, StreamLimits{Life: 50 * time.Millisecond}, block)
	connect(t, a, b)
	for _, proto := range []protocol.ID{ProtoJob, ProtoLog} {
		s, err := a.Open(t.Context(), b.ID(), proto)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = s.ReadByte() }() // sends the handshake
		if err := <-ended; err == nil {
			t.Errorf("%s: the handler's read did not fail", proto)
		}
	}
}

// A peer that opens 10,000 streams gets a few of them, is barred, and leaves
// little memory behind.
func TestStreamFlood(t *testing.T) {
	b := run(t, loopback(), nil)
	a, err := libp2p.New(libp2p.Identity(newKey(t).Libp2p()), libp2p.ListenAddrStrings("/ip4/127.0.0.1/udp/0/quic-v1"),
		libp2p.ResourceManager(&network.NullResourceManager{}), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	var served, most atomic.Int64
	b.Handle(ProtoQuote, StreamLimits{Total: 64, PerPeer: 4, Idle: time.Hour, Life: time.Hour}, func(_ context.Context, s *Stream) {
		now := served.Add(1)
		for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
		}
		_, _ = io.Copy(io.Discard, s)
		served.Add(-1)
	})
	to := b.Libp2p().Peerstore().PeerInfo(b.Libp2p().ID())
	if to.Addrs = b.Libp2p().Addrs(); a.Connect(t.Context(), to) != nil {
		t.Fatal("the attacker cannot connect")
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	opened, refused := 0, 0
	for range 10_000 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		s, err := a.NewStream(network.WithNoDial(ctx, "flood"), to.ID, ProtoQuote)
		cancel()
		if err != nil {
			refused++
			if a.Network().Connectedness(to.ID) != network.Connected {
				break // barred: nothing more can be opened
			}
			continue
		}
		opened++
		_, _ = s.Write([]byte("x"))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapInuse) - int64(before.HeapInuse)
	t.Logf("opened %d, refused %d, served at once %d, heap grew %d KiB", opened, refused, most.Load(), grown>>10)
	if most.Load() > 4 {
		t.Errorf("%d streams served at once, want at most 4", most.Load())
	}
	if grown > 32<<20 {
		t.Errorf("heap grew by %d bytes", grown)
	}
	eventually(t, "attacker disconnected", func() bool { return len(b.Peers()) == 0 })
	if err := b.Connect(t.Context(), fullAddrs(peer.AddrInfo{ID: a.ID(), Addrs: a.Addrs()})[0]); !errors.Is(err, ErrRefused) {
		t.Errorf("dialling a barred peer: %v", err)
	}
	// The attacker may finish a handshake before it is cut off.
	_ = a.Connect(t.Context(), to)
	eventually(t, "attacker kept out", func() bool { return len(b.Peers()) == 0 })
}

func TestForeignKeysAreRefused(t *testing.T) {
	t.Parallel()
	a := run(t, loopback(), nil)
	odd := oddKey(t)
	ed, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.PrivKey{"odd Y": odd, "ed25519": ed} {
		other, err := libp2p.New(libp2p.Identity(key), libp2p.NoListenAddrs, libp2p.DisableMetrics())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = other.Close() }()
		to := peer.AddrInfo{ID: a.Libp2p().ID(), Addrs: a.Libp2p().Addrs()}
		_ = other.Connect(t.Context(), to)
		eventually(t, name+" disconnected", func() bool {
			return other.Network().Connectedness(to.ID) != network.Connected && len(a.Libp2p().Network().Peers()) == 0
		})
	}
}

// oddKey makes keys until one has an odd Y: the second on average.
func oddKey(t *testing.T) crypto.PrivKey {
	t.Helper()
	for {
		priv, pub, err := crypto.GenerateSecp256k1Key(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		id, err := peer.IDFromPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := identity.FromPeerID(id); err != nil {
			return priv
		}
	}
}

// One peer that holds on to all streams of a protocol does not keep others out
// where streams yield; who holds as many as the others keeps them.
func TestStreamsYield(t *testing.T) {
	t.Parallel()
	server := run(t, loopback(), nil)
	server.Handle(ProtoBlob, StreamLimits{Total: 4, PerPeer: 4, Idle: time.Hour, Life: time.Hour, Yield: true}, func(_ context.Context, s *Stream) {
		_, _ = s.Write([]byte("x"))
		_, _ = io.Copy(io.Discard, s)
	})
	open := func(h *Host) *Stream {
		t.Helper()
		s, err := h.Open(t.Context(), server.ID(), ProtoBlob)
		if err == nil {
			_, err = s.ReadByte()
		}
		if err != nil {
			return nil
		}
		return s
	}
	holder, other := run(t, loopback(), nil), run(t, loopback(), nil)
	connect(t, holder, server)
	connect(t, other, server)
	var held []*Stream
	for range 4 {
		held = append(held, open(holder))
	}
	if held[3] == nil || open(holder) != nil {
		t.Fatal("four streams are to be had, and no more")
	}
	for i := range 2 {
		if open(other) == nil {
			t.Fatalf("stream %d of another is refused", i)
		}
		if _, err := held[i].ReadByte(); err == nil {
			t.Errorf("stream %d did not give way", i)
		}
	}
	if open(other) != nil {
		t.Error("more than the same for all")
	}
	if score := server.penalties.score(other.ID(), time.Now()); score != 0 {
		t.Errorf("the other was penalised: %v", score)
	}
}
