package p2p

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"infernet.tech/infernet/p2p/identity"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	if err := Default("main").Validate(); err != nil {
		t.Fatalf("Default: %v", err)
	}
	for name, change := range map[string]func(*Config){
		"no network":      func(c *Config) { c.Network = "" },
		"network in caps": func(c *Config) { c.Network = "Main" },
		"bad listen":      func(c *Config) { c.Listen = []string{"127.0.0.1:1"} },
		"bad announce":    func(c *Config) { c.Announce = []string{"x"} },
		"bootstrap no id": func(c *Config) { c.Bootstrap = []string{"/ip4/1.2.3.4/tcp/1"} },
		"relay foreign id": func(c *Config) {
			c.Relays = []string{"/ip4/1.2.3.4/tcp/1/p2p/12D3KooWGRUFn3xvYy4Zt1WnNfBsJpeCfiVrqsmNVJgm2mpRUUd9"}
		},
		"conn marks": func(c *Config) { c.ConnLow = c.ConnHigh + 1 },
		"conns":      func(c *Config) { c.MaxConns = 1 },
		"streams":    func(c *Config) { c.PeerStreams = c.MaxStreams + 1 },
		"memory":     func(c *Config) { c.MaxMemory = 1 },
	} {
		c := Default("main")
		change(&c)
		if err := c.Validate(); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPenalties(t *testing.T) {
	t.Parallel()
	var b penalties
	p, q := identity.PubKey{1}, identity.PubKey{2}
	t0 := time.Unix(1e9, 0)
	step := func(after time.Duration, points int, wantBar, wantBarred bool) {
		t.Helper()
		now := t0.Add(after)
		if got := b.add(p, points, now); got != wantBar {
			t.Errorf("after %s: add = %v", after, got)
		}
		if got := b.barred(p, now); got != wantBarred {
			t.Errorf("after %s: barred = %v", after, got)
		}
	}
	step(0, 60, false, false)
	step(PenaltyHalfLife, 60, false, false) // 30 + 60
	step(PenaltyHalfLife, 10, true, true)
	step(PenaltyHalfLife, 10, false, true) // already
	step(PenaltyHalfLife+BanTime-1, 0, false, true)
	step(PenaltyHalfLife+BanTime, 0, false, false)
	step(PenaltyHalfLife+BanTime, -1000, false, false)
	step(PenaltyHalfLife+BanTime, 100, true, true)
	if b.barred(q, t0) || b.score(q, t0) != 0 {
		t.Error("another peer is touched")
	}
}

func TestPenaltiesAreBounded(t *testing.T) {
	t.Parallel()
	var b penalties
	t0 := time.Unix(1e9, 0)
	worst := identity.PubKey{255, 255}
	b.add(worst, 1000, t0)
	for i := range 3 * maxPenalised {
		b.add(identity.PubKey{byte(i), byte(i >> 8), 1}, 5, t0)
	}
	if len(b.peers) > maxPenalised {
		t.Errorf("%d peers kept", len(b.peers))
	}
	if !b.barred(worst, t0) {
		t.Error("the worst offender was washed out by fresh keys")
	}
}

func TestHandlerLimits(t *testing.T) {
	t.Parallel()
	d := &handler{limits: StreamLimits{Total: 3, PerPeer: 2}.orDefault(), peers: make(map[identity.PubKey]int)}
	p, q, r := identity.PubKey{1}, identity.PubKey{2}, identity.PubKey{3}
	for i, c := range []struct {
		p    identity.PubKey
		want bool
	}{{p, true}, {p, true}, {p, false}, {q, true}, {q, false}, {r, false}} {
		if got := d.take(c.p); got != c.want {
			t.Errorf("take %d: %v", i, got)
		}
	}
	d.leave(p)
	if !d.take(r) || d.take(q) {
		t.Error("after one was freed")
	}
	d.leave(p)
	d.leave(q)
	d.leave(r)
	if d.total != 0 || len(d.peers) != 0 {
		t.Errorf("left over: %d, %v", d.total, d.peers)
	}
}

func TestDialer(t *testing.T) {
	t.Parallel()
	info := func(s string) peer.AddrInfo { return peer.AddrInfo{ID: peer.ID(s)} }
	d := newDialer([]peer.AddrInfo{info("boot")}, []peer.AddrInfo{info("boot"), info("old")})
	t0 := time.Unix(1e9, 0)
	var up []peer.ID
	connected := func(id peer.ID) bool { return slices.Contains(up, id) }
	due := func(after time.Duration, peers int) (ids []peer.ID) {
		list, wait := d.due(t0.Add(after), connected, peers)
		if wait < 100*time.Millisecond || wait > 15*time.Second {
			t.Errorf("wait %s", wait)
		}
		for _, g := range list {
			ids = append(ids, g.info.ID)
		}
		return ids
	}
	if got := due(0, 0); !slices.Equal(got, []peer.ID{"boot", "old"}) {
		t.Errorf("cold start dials %v", got)
	}
	if got := due(0, wantPeers); !slices.Equal(got, []peer.ID{"boot"}) {
		t.Errorf("with peers enough dials %v", got)
	}
	d.targets[0].failed(t0, 0.5)
	if got := due(0, 0); !slices.Equal(got, []peer.ID{"old"}) {
		t.Errorf("after a failure dials %v", got)
	}
	if got := due(2*firstRetry, wantPeers); !slices.Equal(got, []peer.ID{"boot"}) {
		t.Errorf("after the wait dials %v", got)
	}
	for range 20 {
		d.targets[0].failed(t0, 0.99)
	}
	if wait := d.targets[0].next.Sub(t0); wait > 2*lastRetry {
		t.Errorf("waits %s", wait)
	}
	up = []peer.ID{"boot"}
	due(0, 1)
	up = nil
	if got := due(0, wantPeers); !slices.Equal(got, []peer.ID{"boot"}) {
		t.Errorf("a lost bootstrap peer is dialled %v", got)
	}
}

func TestDialbacks(t *testing.T) {
	t.Parallel()
	var d dialbacks
	t0 := time.Unix(1e9, 0)
	if d.expected(t0) {
		t.Error("before any request")
	}
	d.asked(ProtoJob, t0)
	if d.expected(t0) {
		t.Error("after another protocol")
	}
	d.asked("/libp2p/autonat/2/dial-request", t0)
	for i := range dialbackCount {
		if !d.expected(t0.Add(time.Second)) {
			t.Errorf("dial-back %d refused", i)
		}
	}
	if d.expected(t0.Add(time.Second)) {
		t.Error("more than expected")
	}
	d.asked("/libp2p/autonat/2/dial-request", t0)
	if d.expected(t0.Add(dialbackWindow + 1)) {
		t.Error("too late")
	}
}
