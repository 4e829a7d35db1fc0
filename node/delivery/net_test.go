package delivery_test

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "infernet.tech/infernet/node/delivery"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments/credit"
	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/blob"
)

// member is a party on a real host, with content.
type member struct {
	*party
	host  *p2p.Host
	blobs *blob.Store
}

// newMember starts a host on loopback, QUIC alone, that serves what it has.
func newMember(t *testing.T, n *network, cfg Config) *member {
	t.Helper()
	m := &member{party: n.join(cfg)}
	pc := p2p.Default("test")
	pc.Listen, pc.MDNS, pc.NAT = []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, false, false
	log := slog.New(slog.DiscardHandler)
	var err error
	if m.host, err = p2p.New(pc, m.key, nil, log); err != nil {
		t.Fatal(err)
	}
	if m.blobs, err = blob.Open(t.TempDir(), store.NewMem(), blob.Config{}); err != nil {
		t.Fatal(err)
	}
	m.party.dial = func(ctx context.Context, p identity.PubKey) (io.ReadWriteCloser, error) {
		return m.host.Open(ctx, p, p2p.ProtoJob)
	}
	m.party.pay = func(ctx context.Context, p identity.PubKey) (credit.Conn, error) {
		return m.host.Open(ctx, p, p2p.ProtoPay)
	}
	m.start(m.disk)
	s, rail := m.now()
	m.host.Handle(p2p.ProtoPay, p2p.StreamLimits{}, func(ctx context.Context, st *p2p.Stream) { _ = rail.ServeStream(ctx, st.Peer(), st) })
	m.host.Handle(p2p.ProtoJob, p2p.StreamLimits{}, func(ctx context.Context, st *p2p.Stream) {
		defer st.Close()
		if ev, err := wire.ReadEvent(st); err == nil {
			_ = s.ServeDelivery(ctx, st, ev)
		}
	})
	m.host.Handle(p2p.ProtoBlob, p2p.StreamLimits{}, func(ctx context.Context, st *p2p.Stream) {
		rw, end, err := s.Serve(ctx, st.Peer(), testCID, false, st)
		if err != nil {
			_ = st.Reset()
			return
		}
		defer end()
		if err := m.blobs.ServeStream(ctx, rw, nil); err != nil {
			_ = st.Reset()
		}
		_ = st.Close()
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.host.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-m.host.Ready()
	m.run()
	return m
}

// TestOverNet fetches verified content over real connections, through the small
// window of a seller, and pays for exactly what came.
func TestOverNet(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	cfg := small(1000)
	cfg.Rest, cfg.PayTime = 100*time.Millisecond, 5*time.Minute
	seller, buyer := newMember(t, n, cfg), newMember(t, n, cfg)
	if err := buyer.host.Connect(t.Context(), seller.host.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	const size = 40*mib + 17
	raw := make([]byte, size)
	draw := rand.NewChaCha8([32]byte{1})
	_, _ = draw.Read(raw)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := seller.blobs.AddFile(t.Context(), path, blob.AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := buyer.now()
	got, err := buyer.blobs.Fetch(t.Context(), info.CID, blob.Limits{}, blob.Source{Name: "seller", Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
		st, err := buyer.host.Open(ctx, seller.id(), p2p.ProtoBlob)
		if err != nil {
			return nil, err
		}
		return s.Fetch(seller.id(), info.CID, 1000, st), nil
	}})
	if err != nil || got.Size != size {
		t.Fatalf("%+v, %v", got, err)
	}
	settled(func() bool {
		l, m := traffic(t, buyer.party, seller.party), traffic(t, seller.party, buyer.party)
		return l.Owed == 0 && m.Unpaid == 0 && l.Paid == m.Earned && receipted(t, buyer.party, seller.party) == m.Served
	})
	l, m := traffic(t, buyer.party, seller.party), traffic(t, seller.party, buyer.party)
	want := priceOf(t, 1000, m.Served)
	if l.Fetched != m.Served || l.Owed+m.Unpaid != 0 || l.Paid != want || m.Earned != want || m.Served < size || m.Served > size+size/1000 {
		t.Errorf("%+v\n%+v\nwant %d", l, m, want)
	}
	checkReceipts(t, buyer.party, seller.party, m.Served, want)
}

// settled waits for the last payments, for some minutes at most: what is not so
// then the caller tells.
func settled(ok func() bool) {
	for end := time.Now().Add(3 * time.Minute); !ok() && time.Now().Before(end); {
		<-time.After(50 * time.Millisecond)
	}
}

// receipted is how many bytes p keeps receipts of with q.
func receipted(t *testing.T, p, q *party) (sum uint64) {
	t.Helper()
	for _, r := range receipts(t, p, q) {
		sum += r.Receipt.Units
	}
	return sum
}
