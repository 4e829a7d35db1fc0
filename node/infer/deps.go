package infer

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// Peers opens streams to peers, as connections whose other end is certainly
// that peer. Closing one while an answer is on its way must end the answer.
// Over is the implementation for a libp2p host.
type Peers interface {
	Dial(ctx context.Context, p identity.PubKey, proto protocol.ID) (net.Conn, error)
}

// Market finds providers by what they announce; *dht.DHT is one.
type Market interface {
	Search(ctx context.Context, q dht.Query) ([]dht.Found, error)
}

// Rail is the paying side of a payments.Rail.
type Rail interface {
	payments.Payer
	Name() string
	Unit() payments.Unit
}

// Ledger keeps receipts and what follows from them; *reputation.Ledger is one.
type Ledger interface {
	AddReceipt(c wire.Countersigned) (reputation.Record, error)
	Issue(k *identity.Key, r wire.Receipt, now time.Time) (wire.Event, error)
	Score(now time.Time, peer identity.PubKey) (float64, error)
}

// Trust tells what is thought of a provider for one engine and model on one
// class of hardware; *reputation.Book does.
type Trust interface {
	Standing(now time.Time, peer identity.PubKey, app reputation.App, class string) (reputation.Standing, error)
}

// Deps is what a Router works with. Those from Ready on may be nil.
type Deps struct {
	Key    *identity.Key
	Store  store.Store // a store of the router's own (see store.Prefix)
	Peers  Peers
	Market Market
	Rail   Rail // a payments.Funder locks a window before a lease is agreed
	Ledger Ledger

	// Ready tells why nothing can be paid on the rail now; nil: it always can
	// be.
	Ready func() error

	// Trust decides how often a provider's answers are audited; nil audits
	// nothing. An audit shows the conversation to one more provider.
	Trust Trust

	// Thresholds are those of a profile made for a model, an engine and a class
	// of hardware; false where there is none.
	Thresholds func(model, image, class string) (compare.Thresholds, bool)

	// Tokens returns a model's own tokenizer, nil where there is none; it is
	// asked for each request and so answers from memory.
	Tokens func(model string) meter.Tokenizer
	// Local serves models of this node itself, free of charge; model is a name
	// or a CID.
	Local func(model string) (http.RoundTripper, bool)
	// LocalImage is the digest of the engine behind Local; "" where it is not
	// known. Draws by a seed are the same only in the same engine.
	LocalImage func(model string) string
	// LocalClass is the class of this machine's hardware; "" not known.
	LocalClass string
	// LocalModels are the models that Local serves.
	LocalModels func() []ModelInfo
	// Alias returns the CID that this node's user calls by that name.
	Alias func(name string) (cid string, ok bool)
	// Apart returns what tells a peer apart from others (its operator, subnet,
	// autonomous system): peers that share one are not independent.
	Apart func(p identity.PubKey) []string
	// Penalise counts what no honest provider does; see p2p.Host.Penalise.
	Penalise func(p identity.PubKey, points int, reason string)
	Log      *slog.Logger
	Now      func() time.Time
	// Rand draws from [0,1) for the choice; math/rand/v2 when nil.
	Rand func() float64
}

func (d Deps) check() error {
	for name, missing := range map[string]bool{
		"key": d.Key == nil, "store": d.Store == nil, "peers": d.Peers == nil,
		"market": d.Market == nil, "rail": d.Rail == nil, "ledger": d.Ledger == nil,
	} {
		if missing {
			return fmt.Errorf("%w: %s", ErrDeps, name)
		}
	}
	return nil
}
