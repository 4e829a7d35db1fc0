package node_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments/lightning/ln/lntest"
	"infernet.tech/infernet/payments/lightning/ln/nwc/nwctest"
	"infernet.tech/infernet/payments/polygon/chaintest"
)

// gate is an address that leads to another while it is open.
type gate struct {
	t    testing.TB
	addr string // its own
	to   string

	mu    sync.Mutex
	l     net.Listener
	conns []net.Conn
}

func newGate(t testing.TB, to string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", nodetest.Loopback()+":0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, addr: l.Addr().String(), to: to, l: l}
	go g.serve(l)
	t.Cleanup(g.shut)
	return g
}

func (g *gate) serve(l net.Listener) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", g.to)
		if err != nil {
			in.Close()
			continue
		}
		g.mu.Lock()
		g.conns = append(g.conns, in, out)
		g.mu.Unlock()
		for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
			go func() {
				_, _ = io.Copy(way[0], way[1]) // either end may break off
				way[0].Close()
			}()
		}
	}
}

// shut refuses everybody and breaks off what is under way.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.l != nil {
		g.l.Close()
	}
	for _, c := range g.conns {
		c.Close()
	}
	g.l, g.conns = nil, nil
}

// open lets everybody in again, at the same address.
func (g *gate) open() {
	g.t.Helper()
	l, err := net.Listen("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	g.mu.Lock()
	g.l = l
	g.mu.Unlock()
	go g.serve(l)
}

// relayed is a network of Lightning wallets behind a relay that can go away.
func relayed(t *testing.T) (*nwctest.Relay, *gate, *lntest.Net) {
	t.Helper()
	relay := nwctest.NewRelay()
	t.Cleanup(relay.Close)
	return relay, newGate(t, strings.TrimPrefix(relay.URL(), "ws://")), lntest.New(nil)
}

// behind connects a member to a wallet on the relay, through the gate.
func behind(t *testing.T, m *nodetest.Member, r *nwctest.Relay, g *gate, w *nwctest.Wallet, perDay string) {
	t.Helper()
	uri := strings.Replace(w.URI(), strings.TrimPrefix(r.URL(), "ws://"), g.addr, 1)
	if _, err := m.API().Connect(t.Context(), api.ConnectRequest{Rail: "lightning", NWC: uri, PerDay: perDay}); err != nil {
		t.Fatal(err)
	}
}

// prices lists the units in which a provider's offer has a price.
func prices(t *testing.T, p *nodetest.Peer, m *nodetest.Member) string {
	t.Helper()
	s, err := p.Open(m, p2p.ProtoOffer)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ev, err := wire.ReadEvent(s)
	if err != nil {
		t.Fatal(err)
	}
	o, err := wire.Decode[wire.ProviderOffer](ev)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Rates) != len(o.Rails) {
		t.Errorf("%v on %v", o.Rates, o.Rails)
	}
	var units []string
	for _, r := range o.Rates {
		units = append(units, r.Unit)
	}
	return strings.Join(units, " ")
}

// A wallet that is away when its node starts comes up by itself. Until then the
// balance says what is wrong, jobs on its rail are refused before anything is
// sent, and a provider asks for nothing on it.
func TestWalletAway(t *testing.T) {
	t.Parallel()
	relay, away, network := relayed(t)
	a, b := network.Node("client"), network.Node("provider")
	network.Open(a, b, 500_000_000, 0)
	c := nodetest.New(t)
	p := c.Add("provider", node.RoleProvider, sats(5000))
	behind(t, p, relay, away, nwctest.NewWallet(relay, b, true), "")
	observer := c.Peer()
	client := c.Add("client", node.RoleClient)
	behind(t, client, relay, away, nwctest.NewWallet(relay, a, true), "1000 sat")
	nodetest.Predicate(t, 20*time.Second, "it is sold for sat", func() bool { return prices(t, observer, p) == "credits msat" })

	client.Stop()
	p.Stop()
	away.shut()
	p.Start()
	client.Start()
	for _, m := range []*nodetest.Member{p, client} {
		nodetest.NoError(t, 20*time.Second, func() error {
			w := wallet(t, m, "lightning")
			if w.State != api.WalletAway || !strings.Contains(w.Problem, "refused") || w.SinceMS == 0 || w.NextMS < w.SinceMS || w.Hint == "" || w.Driver != "nwc" {
				return fmt.Errorf("%+v", w)
			}
			return nil
		})
	}
	if w := wallet(t, client, "lightning"); w.PerDay.Amount != 1_000_000 {
		t.Errorf("its ceiling is %+v", w.PerDay)
	}
	nodetest.Predicate(t, 20*time.Second, "it is sold for credits alone", func() bool { return prices(t, observer, p) == "credits" })
	dir, name := nodetest.Lines(t, 10)
	text := fmt.Sprintf(strings.ReplaceAll(spec, "payment: {rail: credit, max: 1000}", "payment: {max: 500 sat}"), "upper", nodetest.Image(t), name)
	_, err := client.API().Submit(t.Context(), api.SubmitRequest{Spec: text, Dir: dir})
	var said *api.Error
	if !errors.As(err, &said) || said.Code != api.CodeRefused || !strings.Contains(said.Message, "is away") || !strings.Contains(said.Message, "tried again") {
		t.Errorf("a job was answered with %v", err)
	}

	away.open()
	nodetest.Predicate(t, 30*time.Second, "both wallets are back", func() bool {
		return wallet(t, p, "lightning").State == api.WalletReady && wallet(t, client, "lightning").State == api.WalletReady
	})
	if w := wallet(t, client, "lightning"); w.Problem != "" || w.NextMS != 0 || w.Spendable.Amount == 0 {
		t.Errorf("%+v", w)
	}
	nodetest.Predicate(t, 20*time.Second, "it is sold for sat again", func() bool { return prices(t, observer, p) == "credits msat" })
	if _, err := client.API().Submit(t.Context(), api.SubmitRequest{Spec: text, Dir: dir}); err != nil {
		t.Errorf("a job was answered with %v", err)
	}
	away.shut() // and one that goes away while it is in use
	nodetest.Predicate(t, 20*time.Second, "it is seen to be gone", func() bool { return wallet(t, p, "lightning").State == api.WalletAway })
	nodetest.Predicate(t, 20*time.Second, "it is sold for credits alone", func() bool { return prices(t, observer, p) == "credits" })
}

// A wallet whose key is gone is shown, with what to do; it is used again, by
// itself, when the key is back.
func TestWalletFilesGone(t *testing.T) {
	t.Parallel()
	chain := chaintest.Start(t)
	m := nodetest.New(t).Add("client", node.RoleClient)
	onPolygon(t, m, chain, 0, "10 USDC")
	key := walletKey(t, m)
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	if w := wallet(t, m, "polygon"); w.State != api.WalletReady || !strings.Contains(w.Note, key+" is gone") {
		t.Errorf("%+v", w)
	}
	m.Stop()
	m.Start()
	w := wallet(t, m, "polygon")
	if w.State != api.WalletBroken || !strings.Contains(w.Problem, key) || !w.Connected || w.PerDay.Amount != 10_000_000 {
		t.Errorf("%+v", w)
	}
	for _, part := range []string{"put the file back", "infernet wallet connect polygon", key, "--per-day '10 USDC'"} {
		if !strings.Contains(w.Hint, part) {
			t.Errorf("the hint has no %q: %s", part, w.Hint)
		}
	}
	if _, err := m.API().Channels(t.Context()); err == nil || !strings.Contains(err.Error(), "the polygon wallet is broken") {
		t.Errorf("channels: %v", err)
	}
	_, err := m.API().TopUp(t.Context(), api.TopUpRequest{Rail: "polygon", Channel: "0x12", Amount: "1 USDC"})
	if err == nil || !strings.Contains(err.Error(), "the polygon wallet is broken") {
		t.Errorf("top-up: %v", err)
	}
	if err := os.Rename(key+".away", key); err != nil {
		t.Fatal(err)
	}
	nodetest.Predicate(t, 20*time.Second, "it is used again", func() bool { return wallet(t, m, "polygon").State == api.WalletReady })
}

// walletKey is the file of the key that a member keeps the name of.
func walletKey(t *testing.T, m *nodetest.Member) string {
	t.Helper()
	raw, err := os.ReadFile(m.Config.Home + "/wallet.json")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), `"key": "`)
	key, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("no key in %s", raw)
	}
	return key
}

// A wallet that is connected again changes what may be spent at once, and what
// was spent today goes on counting.
func TestCeilingLive(t *testing.T) {
	t.Parallel()
	relay, away, network := relayed(t)
	a, b := network.Node("client"), network.Node("provider")
	network.Open(a, b, 500_000_000, 0)
	c := nodetest.New(t)
	var sold []*nodetest.Member
	for i := range 2 {
		p := c.Add(fmt.Sprintf("provider%d", i), node.RoleProvider, sats(5000))
		behind(t, p, relay, away, nwctest.NewWallet(relay, b, true), "")
		sold = append(sold, p)
	}
	observer := c.Peer()
	client := c.Add("client", node.RoleClient)
	w := nwctest.NewWallet(relay, a, true)
	behind(t, client, relay, away, w, "")
	dir, name := nodetest.Lines(t, 20)
	text := fmt.Sprintf(strings.ReplaceAll(spec, "payment: {rail: credit, max: 1000}", "payment: {max: 500 sat}"), "upper", nodetest.Image(t), name)
	if _, err := client.API().Submit(t.Context(), api.SubmitRequest{Spec: text, Dir: dir}); err == nil || !strings.Contains(err.Error(), "only receives") {
		t.Errorf("without a ceiling: %v", err)
	}
	behind(t, client, relay, away, w, "2000 sat") // no start in between
	nodetest.Predicate(t, 20*time.Second, "both sell for sat", func() bool {
		return prices(t, observer, sold[0]) == "credits msat" && prices(t, observer, sold[1]) == "credits msat"
	})
	if j := client.Run(text, dir); j.State != "done" || j.Cost.Amount != 200_000 {
		t.Fatalf("job is %s: %s %s, %+v\n%s", j.State, j.Reason, j.Hint, j.Cost, client.History(j.ID))
	}
	// What was set aside for fees, and not needed, comes back.
	nodetest.NoError(t, 60*time.Second, func() error {
		if w := wallet(t, client, "lightning"); w.Owing.Amount != 0 || w.LeftToday.Amount != 2_000_000-200_000 {
			return fmt.Errorf("%+v is owed, %+v left", w.Owing, w.LeftToday)
		}
		return nil
	})
	for perDay, left := range map[string]uint64{"3000 sat": 3_000_000 - 200_000, "100 sat": 0} {
		behind(t, client, relay, away, w, perDay)
		if got := wallet(t, client, "lightning"); got.LeftToday.Amount != left {
			t.Errorf("with %s: %+v left of %+v, want %d", perDay, got.LeftToday, got.PerDay, left)
		}
	}
	behind(t, client, relay, away, w, "3000 sat")
	client.Stop()
	client.Start()
	if got := wallet(t, client, "lightning"); got.LeftToday.Amount != 3_000_000-200_000 {
		t.Errorf("after a start: %+v", got.LeftToday)
	}
	for _, m := range append(sold, client) {
		reconciled(t, m)
	}
}
