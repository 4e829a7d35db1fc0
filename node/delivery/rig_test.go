package delivery_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	. "infernet.tech/infernet/node/delivery"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/credit"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

const (
	mib     = 1 << 20
	testCID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
)

// party is one node: a service with a real rail, ledger and store.
type party struct {
	t    testing.TB
	net  *network
	key  *identity.Key
	disk store.Store
	cfg  Config
	liar func(st Stream, from identity.PubKey, ev wire.Event) // answers instead of the service

	dial func(ctx context.Context, to identity.PubKey) (io.ReadWriteCloser, error) // pipes when nil
	pay  func(ctx context.Context, to identity.PubKey) (credit.Conn, error)

	mu   sync.Mutex
	rail *credit.Rail
	book *reputation.Ledger
	s    *Service
	stop func()
}

// network connects parties over pipes.
type network struct {
	t     testing.TB
	mu    sync.Mutex
	nodes map[identity.PubKey]*party
	lines sync.WaitGroup
	skew  time.Duration
}

func newNetwork(t testing.TB) *network {
	n := &network{t: t, nodes: map[identity.PubKey]*party{}}
	t.Cleanup(n.lines.Wait)
	return n
}

func (n *network) node(p identity.PubKey) (*party, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	q, ok := n.nodes[p]
	return q, ok
}

func (n *network) now() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Now().Add(n.skew)
}

// pass lets time go by for documents and records.
func (n *network) pass(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.skew += d
}

// join adds a party that is not running.
func (n *network) join(cfg Config) *party {
	n.t.Helper()
	key, err := identity.Generate()
	if err != nil {
		n.t.Fatal(err)
	}
	p := &party{t: n.t, net: n, key: key, disk: store.NewMem(), cfg: cfg, stop: func() {}}
	p.start(p.disk)
	n.mu.Lock()
	n.nodes[p.id()] = p
	n.mu.Unlock()
	n.t.Cleanup(func() { p.stop() })
	return p
}

func (p *party) id() identity.PubKey { return p.key.PubKey() }

// now returns what runs at present.
func (p *party) now() (*Service, *credit.Rail) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.s, p.rail
}

// start makes everything anew on a store, as after a crash.
func (p *party) start(s store.Store) {
	p.t.Helper()
	p.stop()
	log := slog.New(slog.DiscardHandler)
	rail, err := credit.New(credit.Default(), p.key, store.Prefix(s, "rail/"), p.payConn, p.net.now, log)
	if err != nil {
		p.t.Fatal(err)
	}
	book := reputation.NewLedger(p.id(), store.Prefix(s, "book/"), reputation.Default())
	srv, err := New(p.cfg, Deps{Key: p.key, Store: store.Prefix(s, "delivery/"), Rail: rail, Ledger: book, Dial: p.jobConn, Log: log, Now: p.net.now})
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.rail, p.book, p.s, p.stop = rail, book, srv, func() {}
	p.mu.Unlock()
}

// lie has somebody else answer instead of the service.
func (p *party) lie(liar func(st Stream, from identity.PubKey, ev wire.Event)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.liar = liar
}

// run runs the service until the next start or the end of the test.
func (p *party) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s, _ := p.now()
	go func() {
		defer close(done)
		if err := s.Run(ctx); err != nil && !errors.Is(err, errCrash) {
			p.t.Error(err)
		}
	}()
	p.mu.Lock()
	p.stop = func() { cancel(); <-done }
	p.mu.Unlock()
}

var errAway = errors.New("no such node")

// line connects to q; serve is run at the other end.
func (p *party) line(to identity.PubKey, serve func(q *party, c net.Conn)) (io.ReadWriteCloser, error) {
	q, ok := p.net.node(to)
	if !ok {
		return nil, errAway
	}
	mine, theirs := net.Pipe()
	p.net.lines.Go(func() { defer theirs.Close(); serve(q, theirs) })
	return mine, nil
}

func (p *party) payConn(ctx context.Context, to identity.PubKey) (credit.Conn, error) {
	if p.pay != nil {
		return p.pay(ctx, to)
	}
	return p.line(to, func(q *party, c net.Conn) {
		_, rail := q.now()
		_ = rail.ServeStream(context.Background(), p.id(), c)
	})
}

type pipeStream struct {
	*bufio.Reader
	io.Writer
}

func (p *party) jobConn(ctx context.Context, to identity.PubKey) (io.ReadWriteCloser, error) {
	if p.dial != nil {
		return p.dial(ctx, to)
	}
	return p.line(to, func(q *party, c net.Conn) {
		st := pipeStream{bufio.NewReader(c), c}
		ev, err := wire.ReadEvent(st)
		if err != nil {
			return
		}
		s, _ := q.now()
		q.mu.Lock()
		liar := q.liar
		q.mu.Unlock()
		if liar != nil {
			liar(st, p.id(), ev)
			return
		}
		_ = s.ServeOn(context.Background(), st, p.id(), ev)
	})
}

// transfer is one stream between two parties.
type transfer struct {
	t      testing.TB
	from   *party
	served io.ReadWriter
	end    func()
	got    io.ReadWriteCloser
	raw    net.Conn
	sent   int
	werr   chan error
}

// begin opens a stream over which from serves to.
func begin(to, from *party, price uint64, free bool) (*transfer, error) {
	mine, theirs := net.Pipe()
	buyer, _ := to.now()
	seller, _ := from.now()
	rw, end, err := seller.Serve(context.Background(), to.id(), testCID, free, theirs)
	if err != nil {
		return nil, err
	}
	return &transfer{
		t: to.t, from: from, served: rw, end: func() { end(); theirs.Close() },
		got: buyer.Fetch(from.id(), testCID, price, mine), raw: mine, werr: make(chan error, 1),
	}, nil
}

// send writes n bytes in the background, in pieces of at most piece.
func (x *transfer) send(n, piece int) {
	buf := make([]byte, piece)
	go func() {
		for n > 0 {
			k, err := x.served.Write(buf[:min(n, piece)])
			n -= k
			x.sent += k
			if err != nil {
				x.end() // as a server does that cannot go on
				x.werr <- err
				return
			}
		}
		x.werr <- nil
	}()
}

// take reads n bytes.
func (x *transfer) take(n int) error {
	buf := make([]byte, 256<<10)
	for n > 0 {
		k, err := x.got.Read(buf[:min(n, len(buf))])
		if n -= k; err != nil {
			return err
		}
	}
	return nil
}

// move sends n bytes from one party to the other and closes in order.
func move(t testing.TB, to, from *party, n int, price uint64, free bool) {
	t.Helper()
	x, err := begin(to, from, price, free)
	if err != nil {
		t.Fatal(err)
	}
	defer x.end()
	x.send(n, mib)
	if err := x.take(n); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-x.werr, x.got.Close()); err != nil {
		t.Fatal(err)
	}
}

// line of the traffic of p with q.
func traffic(t testing.TB, p, q *party) Traffic {
	t.Helper()
	s, _ := p.now()
	list, err := s.Traffic()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range list {
		if l.Peer == q.id() {
			return l
		}
	}
	return Traffic{Peer: q.id(), Unit: payments.Credits}
}

// priceOf is what bytes cost.
func priceOf(t testing.TB, perGiB, n uint64) uint64 {
	t.Helper()
	a, err := payments.PriceBytes(payments.ByteRate{PerGiB: perGiB, Unit: payments.Credits}, n)
	if err != nil {
		t.Fatal(err)
	}
	return a.Value
}

// balance is what p paid q and got from it, after both books were checked.
func balance(t testing.TB, p, q *party) (paid, got uint64) {
	t.Helper()
	_, rail := p.now()
	if err := rail.Check(context.Background()); err != nil {
		t.Error(err)
	}
	list, err := rail.Balances(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range list {
		if b.Peer == q.id() {
			return b.Paid, b.Received
		}
	}
	return 0, 0
}

// receipts are those that p keeps about q.
func receipts(t testing.TB, p, q *party) []reputation.Record {
	t.Helper()
	list, err := p.book.ByPeer(q.id(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return list
}
