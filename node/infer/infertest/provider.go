package infertest

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"

	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// Image is the engine's digest in offers.
const Image = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// Script is how one request is answered. The zero Script answers at once.
type Script struct {
	Delay       time.Duration // before the first byte
	Every       time.Duration // before each further word
	Words       int           // of the answer, when the request has no bound; 0: 8
	Salt        string        // makes the words differ from other providers'
	DieAfter    int           // the connection breaks after so many words; 0: never
	SilentAfter int           // nothing comes any more after so many words; 0: never
	ErrorAfter  int           // an error event comes after so many words; 0: never
	GarbageAt   int           // that word's event is no JSON
	HalfUTF8At  int           // that word's event ends within a character
	HugeAt      int           // that word's event has 4 MiB
	Endless     bool
	NoUsage     bool // no usage event, no trailer
	NoDone      bool
	OverIn      int    // claimed beyond what was used
	OverOut     int    //
	Status      int    // refuses with it; 0: does not
	Code        string // of the refusal
	Type        string // of the refusal
}

// Provider serves one model. Exported fields are set before it is added.
type Provider struct {
	Model, Name, Image string
	In, Out            uint64 // price per million tokens
	Context            uint32
	Warm               bool
	TPSMilli, TTFTMS   uint64
	Credit             uint64
	GPUs               []wire.GPU
	Rail               payments.Rail
	Words              *Words // token ids in answers

	// Script tells how the nth request, from 0, is answered; nil: at once.
	Script func(n int) Script
	// Replay tells how many tokens the provider holds likelier than each that is
	// claimed, when it is asked to replay an answer; nil: none.
	Replay func(ids []int) (rank int)
	// Inflate is added to the totals that it holds against windows.
	Inflate uint64
	// NoReceipts refuses to countersign; NoQuotes and SlowQuotes do not quote.
	NoReceipts, NoQuotes, SlowQuotes bool
	// Window is what may be unpaid before a request is refused; 0: anything.
	Window uint64

	key  *identity.Key
	http *http.Server
	in   chan net.Conn
	done chan struct{}

	mu     sync.Mutex
	away   bool
	leases map[wire.ID]*Lease
	quotes map[wire.ID]wire.InferQuote
	served int
	active int
	cuts   int
	sent   int
}

// Lease is a lease as the provider knows it.
type Lease struct {
	Terms    wire.Lease
	Total    meter.Count // metered
	Stated   meter.Count
	Next     uint32
	Windows  map[uint32]wire.Window // accepted
	Signed   map[uint32]wire.Event
	Ended    bool
	Requests int
}

// New returns a provider of the model called demo.
func New(key *identity.Key, rail payments.Rail) *Provider {
	p := &Provider{
		Model: Model, Name: "demo", Image: Image, In: 1000, Out: 3000, Context: 4096, Warm: true,
		TPSMilli: 50_000, TTFTMS: 50, Credit: 1 << 40, Rail: rail, Words: &Words{},
		key: key, in: make(chan net.Conn), done: make(chan struct{}),
		leases: map[wire.ID]*Lease{}, quotes: map[wire.ID]wire.InferQuote{},
	}
	p.http = &http.Server{Handler: http.HandlerFunc(p.request)}
	go func() { _ = p.http.Serve(listener{p}) }()
	return p
}

// Model is the CID of the model called demo.
const Model = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"

// Close ends the provider and all its connections.
func (p *Provider) Close() {
	p.SetAway(true)
	close(p.done)
	_ = p.http.Close()
}

// ID is the provider's key.
func (p *Provider) ID() identity.PubKey { return p.key.PubKey() }

// SetAway makes the provider unreachable for new connections, or not.
func (p *Provider) SetAway(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}

// SetSlowQuotes changes SlowQuotes.
func (p *Provider) SetSlowQuotes(slow bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.SlowQuotes = slow
}

func (p *Provider) isAway() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.away
}

// Served is how many requests came, Active how many are being answered, Cuts
// how many the client broke off.
func (p *Provider) Served() (served, active, cuts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.served, p.active, p.cuts
}

// Sent is how many words were sent in streams.
func (p *Provider) Sent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// Forget loses all leases, as after a crash of the disk.
func (p *Provider) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.leases)
}

// Leases returns copies of the leases.
func (p *Provider) Leases() []Lease {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Lease
	for _, l := range p.leases {
		out = append(out, *l)
	}
	return out
}

// listener hands streams to the HTTP server.
type listener struct{ p *Provider }

func (l listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.p.in:
		return c, nil
	case <-l.p.done:
		return nil, net.ErrClosed
	}
}
func (l listener) Close() error   { return nil }
func (l listener) Addr() net.Addr { return p2p.Addr{Peer: l.p.ID()} }

func (p *Provider) serve(ctx context.Context, c net.Conn, proto protocol.ID) error {
	if proto == p2p.ProtoHTTP {
		select {
		case p.in <- c:
			return nil
		case <-p.done:
			return ErrAway
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	go func() {
		defer c.Close()
		r := bufio.NewReader(c)
		for {
			ev, err := wire.ReadEvent(r)
			if err != nil {
				return
			}
			if answer := p.answer(ev); answer != nil {
				signed, err := wire.Seal(p.key, answer, time.Now())
				if err != nil || wire.WriteEvent(c, signed) != nil {
					return
				}
			}
		}
	}()
	return nil
}
