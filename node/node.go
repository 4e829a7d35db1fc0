package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/gpu"
	"infernet.tech/infernet/gossip"
	"infernet.tech/infernet/node/aggregator"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/delivery"
	"infernet.tech/infernet/node/holders"
	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/node/mirror"
	"infernet.tech/infernet/node/openai"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/payments/credit"
	"infernet.tech/infernet/payments/rails"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// Node is one running node.
type Node struct {
	cfg     Config
	log     *slog.Logger
	started time.Time
	board   board
	stop    context.CancelFunc

	key   *identity.Key
	host  *p2p.Host
	dht   *dht.DHT
	db    store.Store
	lib   *content.Library
	rail  *credit.Rail // the one that needs no wallet
	rails *rails.Set

	wallets    wallets            // the money behind rails that have any
	connecting sync.Mutex         // held while one is connected
	telling    sync.Mutex         // held while the network is told what this node is for
	book       *reputation.Ledger // of trust
	agg        *aggregator.Driver
	guard      *wire.Guard
	ready      chan struct{}
	work       worker // the provider, or its absence
	takes      taker  // the aggregator for others, or its absence

	trust    *reputation.Book // what is known of others
	gossip   *gossip.Gossip   // and how it is heard
	profiles profiles         // thresholds of comparators
	proofs   chan wire.Event  // of fraud, to be told

	whoHas  *holders.Service  // who has which content
	deliver *delivery.Service // what moved of it, and for how much
	mirrors *mirror.Mirror    // images for container tools; nil: none

	serves seller // models from warm engines, or their absence
	router *infer.Router
	face   *openai.Face
	vocab  *vocabularies
	cards  cards
	warm   *engines // nil: no model is served

	measured *measurements

	working     func() []string // blobs that the provider's work needs
	fingerprint func() string   // hardware class of this provider; "" without the role

	runner    exec.Runner // nil: a containerd of the node's own
	machine   gpu.Host    // where cards are looked for
	inference infer.Config
	opining   time.Duration // between two digests
	hostOpts  []libp2p.Option
}

// New checks the configuration. It opens nothing and starts nothing.
func New(cfg Config, log *slog.Logger, opts ...Option) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, log: log, guard: wire.NewGuard(maxSeen), ready: make(chan struct{}), inference: infer.Default(),
		opining: opinionEvery,
	}
	for _, o := range opts {
		o(n)
	}
	return n, nil
}

// Option replaces a part of a node, for simulations of many nodes in one
// process.
type Option func(*Node)

// WithRunner runs tasks on r instead of on a containerd of the node's own.
func WithRunner(r exec.Runner) Option { return func(n *Node) { n.runner = r } }

// WithStore keeps everything in st instead of in a database in the home.
func WithStore(st store.Store) Option { return func(n *Node) { n.db = st } }

// WithGPUs looks for cards on h instead of on this machine.
func WithGPUs(h gpu.Host) Option { return func(n *Node) { n.machine = h } }

// WithInference bounds what the owner's own requests may cost by c.
func WithInference(c infer.Config) Option { return func(n *Node) { n.inference = c } }

// WithOpinions tells others what is thought of them so often.
func WithOpinions(every time.Duration) Option { return func(n *Node) { n.opining = every } }

// WithHost passes options to the libp2p host.
func WithHost(opts ...libp2p.Option) Option { return func(n *Node) { n.hostOpts = opts } }

// Ready is closed when every subsystem is ready.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Key is the node's public key; zero before Run.
func (n *Node) Key() identity.PubKey {
	if n.key == nil {
		return identity.PubKey{}
	}
	return n.key.PubKey()
}

// maxSeen is how many documents are remembered against replay.
const maxSeen = 1 << 16

// ErrNoKey means that the home has no key yet.
var ErrNoKey = errors.New("this home has no node key yet")

// LoadKey reads the node key of a home.
func LoadKey(home string, passphrase []byte) (*identity.Key, error) {
	key, err := identity.Load(KeyPath(home), passphrase)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoKey, home)
	}
	return key, err
}

// Run runs the node until ctx ends or it is told to stop.
func (n *Node) Run(ctx context.Context) (err error) {
	ctx, n.stop = context.WithCancel(ctx)
	defer n.stop()
	n.started = time.Now()
	if n.key, err = LoadKey(n.cfg.Home, n.cfg.Passphrase); err != nil {
		return err
	}
	for _, dir := range []string{"results", "scratch", "layouts"} {
		if err := os.MkdirAll(n.cfg.path(dir), 0o755); err != nil {
			return err
		}
	}
	if n.db == nil {
		if n.db, err = n.openDatabase(ctx); err != nil {
			return fmt.Errorf("open the database: %w", err)
		}
	}
	defer func() { err = errors.Join(err, n.db.Close()) }()
	units, err := n.compose()
	if n.lib != nil {
		defer func() { err = errors.Join(err, n.lib.Blobs().Close()) }()
	}
	if err != nil {
		return err
	}
	n.log.Info("node starts", "npub", n.key.PubKey().String(), "network", n.cfg.Network, "roles", n.cfg.Roles)
	return supervise(ctx, &n.board, n.log, n.ready, units...)
}

// compose builds the subsystems that the roles need, those others stand on
// first. Nothing is opened to the outside before its unit runs.
func (n *Node) compose() ([]unit, error) {
	if err := n.composeCore(); err != nil {
		return nil, err
	}
	if err := n.composeInference(); err != nil {
		return nil, fmt.Errorf("inference: %w", err)
	}
	server, err := n.apiServer()
	if err != nil {
		return nil, err
	}
	units := []unit{
		{name: "api", run: server.Run, ready: server.Ready(), detail: server.Addr},
		{name: "p2p", run: n.host.Run, ready: n.host.Ready(), detail: n.peersDetail},
		{name: "dht", run: n.dht.Run, ready: n.dht.Ready(), needs: after(n.host.Ready())},
		{name: "payments", run: n.rails.Run, needs: after(n.host.Ready())},
		{name: "wallets", run: n.keepWallets, needs: after(n.host.Ready()), detail: n.walletsDetail},
		{name: "inference", run: n.router.Run, needs: after(n.host.Ready())},
		{name: "tokens", run: n.vocab.Run, needs: after(n.host.Ready()), detail: n.vocab.detail},
		{name: "face", run: n.face.Run},
	}
	workers, err := n.composeProvider()
	if err != nil {
		return nil, err
	}
	n.takes = off{n.key, RoleAggregator}
	if n.cfg.has(RoleAggregator) {
		n.takes = n.agg
	}
	mirrors, err := n.composeMirror()
	if err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	units = slices.Concat(units, n.contentUnits(), n.trustUnits(), mirrors, workers)
	units = append(units, unit{
		name: "aggregator", run: n.agg.Run, ready: n.agg.Ready(), needs: after(n.host.Ready()),
	})
	n.handle()
	return units, n.announce()
}

func after(chans ...<-chan struct{}) []<-chan struct{} { return chans }

// creditGrowth is how many times its first limit a peer's credit may grow to.
const creditGrowth = 10

// composeCore builds what every node has: content, network, discovery, money,
// the ledger, and its owner's aggregator.
func (n *Node) composeCore() (err error) {
	n.host, err = p2p.New(n.p2pConfig(), n.key, addrBook{store.Prefix(n.db, "peers/")}, n.log.With("in", "p2p"), n.hostOpts...)
	if err != nil {
		return fmt.Errorf("p2p: %w", err)
	}
	if err := n.openLibrary(); err != nil {
		return err
	}
	if n.dht, err = dht.New(dhtConfig(n.cfg), n.host, n.log.With("in", "dht")); err != nil {
		return fmt.Errorf("dht: %w", err)
	}
	if err := n.composeTrust(); err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	terms := credit.Default()
	// A peer begins with the limit and is given up to ten times as much as it
	// repays. What we may owe is for the other side to bound.
	most := min(n.cfg.CreditLimit, payments.MaxValue/creditGrowth) * creditGrowth
	terms.Growth = &account.Growth{Least: n.cfg.CreditLimit, Most: most, PerMille: 1000, Over: 30 * 24 * time.Hour}
	terms.Limit, terms.Ceiling = n.cfg.CreditLimit, most
	terms.Exchange = 10 * time.Second  // a peer that was killed shows only by its silence
	terms.Reconcile = 10 * time.Second // and is asked again soon after it is back
	n.rail, err = credit.New(terms, n.key, store.Prefix(n.db, "credit/"), n.dialPay, time.Now, n.log.With("in", "credit"))
	if err != nil {
		return fmt.Errorf("credit: %w", err)
	}
	if n.rails, err = rails.New(n.rail); err != nil {
		return fmt.Errorf("rails: %w", err)
	}
	if err := n.joinWallets(context.Background()); err != nil {
		return fmt.Errorf("wallets: %w", err)
	}
	n.agg = aggregator.New(
		aggregator.Config{
			Network: n.cfg.Network, Dir: n.cfg.Home, Validators: n.cfg.Trust.validators(),
			ProbePPM: n.cfg.Trust.ProbePPM, BillGrace: n.cfg.Trust.BillGrace,
		},
		aggregator.Deps{
			Key: n.key, Store: store.Prefix(n.db, "jobs/"), Content: n.lib, Peers: n.host, Market: n.dht,
			Rail: n.rails, Ledger: n.book, Trust: n.trust, Around: n.host, Compare: n.judge(), Fraud: n.proof, Replay: replayer{n},
			Penalty: n.host.Penalise, Log: n.log.With("in", "aggregator"),
		})
	return n.composeContent()
}

func (n *Node) p2pConfig() p2p.Config {
	c := p2p.Default(n.cfg.Network)
	c.Bootstrap, c.Relays = n.cfg.Bootstrap, n.cfg.Relays
	if c.Listen = n.cfg.Listen; len(c.Listen) == 0 {
		c.Listen = DefaultListen(n.cfg.Roles)
	}
	c.MDNS = n.cfg.MDNS
	c.Version = n.cfg.Version
	c.PeerStreams = 1024 // a busy pair: one stream for each attempt, its output and its blobs
	c.RelayService = n.cfg.has(RoleRelay)
	return c
}

// dhtConfig makes a node that only uses the network a client of the table, so
// that lookups are not sent to who is soon gone.
func dhtConfig(cfg Config) dht.Config {
	c := dht.Default()
	c.Client = slices.Equal(cfg.Roles, []Role{RoleClient})
	return c
}

// dialPay opens the rail's stream to a peer.
func (n *Node) dialPay(ctx context.Context, peer identity.PubKey) (credit.Conn, error) {
	return n.host.Open(ctx, peer, p2p.ProtoPay)
}

func (n *Node) apiServer() (*api.Server, error) {
	cfg := api.Config{Home: n.cfg.Home, Addr: n.cfg.API, IdleExit: n.cfg.IdleExit}
	return api.NewServer(cfg, api.Backends{
		Node: nodeBackend{n}, Jobs: jobsBackend{n}, Results: jobsBackend{n},
		Content: contentBackend{n}, Market: marketBackend{n}, Money: moneyBackend{n},
		Trust: trustBackend{n}, Inference: inferenceBackend{n}, Bench: benchBackend{n}, Face: n.face,
	}, n.log.With("in", "api"))
}
