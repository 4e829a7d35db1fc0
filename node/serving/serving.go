package serving

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// Model is one model served: what it costs and what runs it.
type Model struct {
	Name     string // the alias that it is served under
	CID      string
	Image    string               // the engine's OCI manifest digest, sha256:…
	Spec     engine.Spec          // what runs it; Engines reads it
	Rates    []payments.TokenRate // one for each unit taken, that of the offer first
	Context  int                  // tokens
	Parallel int                  // requests answered at once
	TPSMilli uint64
	TTFTMS   uint64
}

// Rail is what serving needs of its payment rails: to announce what it expects,
// and to see that it came.
type Rail interface {
	// Takes tells whether there is a rail of that name that carries that unit.
	Takes(rail string, unit payments.Unit) bool
	Expect(ctx context.Context, p payments.Payment) error
	// Waive and Received are of what p.Peer pays under p.Ref and nobody else.
	Waive(ctx context.Context, p payments.Payment, reason string) error
	Received(ctx context.Context, p payments.Payment) (payments.Entry, error)
	RoomFor(ctx context.Context, peer identity.PubKey, unit payments.Unit) (payments.Amount, error)
	// Funds tells whether work in unit may be secured before it is done although
	// there is no room for it yet.
	Funds(unit payments.Unit) bool
}

// Ledger keeps receipts; *reputation.Ledger is one.
type Ledger interface {
	AddReceipt(wire.Countersigned) (reputation.Record, error)
}

// Deps are the parts that a server is composed of.
type Deps struct {
	Key    *identity.Key
	Store  store.Store // keys of this role alone
	Rail   Rail
	Ledger Ledger
	Pool   Pool
	// Betrayed is told of documents by which a client breaks its word: its
	// Lease, and the Disclosure that does not fit it. May be nil.
	Betrayed func(fault string, docs ...wire.Event)
	Log      *slog.Logger
	Now      func() time.Time // nil: time.Now
}

// Server is the inference part of a provider. Its methods are safe for
// concurrent use; those that answer streams work from New on.
type Server struct {
	cfg Config
	Deps

	mu      sync.Mutex
	models  []*served
	quotes  map[wire.ID]issued // by the quote's document id
	tenants map[identity.PubKey]*tenant

	kick   chan struct{} // asks for the meter to be written down sooner
	pieces pieces
}

// served is a Model and what was measured of it.
type served struct {
	Model
	speed speed
}

// New makes a server of no models; Run keeps its books.
func New(cfg Config, d Deps) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{
		cfg: cfg, Deps: d,
		quotes: map[wire.ID]issued{}, tenants: map[identity.PubKey]*tenant{},
		kick: make(chan struct{}, 1),
	}, nil
}

// Add serves a model, in the place of one of the same CID. Leases keep the rate
// they were made at. It returns ErrConfig for a model that could not be offered.
func (s *Server) Add(m Model) error {
	if m.Context < 1 || m.Parallel < 1 {
		return fmt.Errorf("%w: model %.64q: context and parallel must be above zero", ErrConfig, m.Name)
	}
	if len(m.Rates) == 0 {
		return fmt.Errorf("%w: model %.64q has no price", ErrConfig, m.Name)
	}
	if err := (wire.ProviderOffer{Network: "x", Hardware: wire.Hardware{OS: "x", Arch: "x"}, Serves: []wire.Served{m.served()}}).Validate(); err != nil {
		return fmt.Errorf("%w: model %.64q: %w", ErrConfig, m.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, old := range s.models {
		if old.CID == m.CID {
			old.Model = m
			return nil
		}
	}
	s.models = append(s.models, &served{Model: m})
	return nil
}

// Remove serves a model no longer; requests under way go on.
func (s *Server) Remove(cid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.models = slices.DeleteFunc(s.models, func(m *served) bool { return m.CID == cid })
}

// Serves returns the models, with their speed as measured so far.
func (s *Server) Serves() []Model {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Model
	for _, m := range s.models {
		out = append(out, m.measured())
	}
	return out
}

// Offer returns the models as rows of a ProviderOffer.
func (s *Server) Offer() []wire.Served {
	var out []wire.Served
	for _, m := range s.Serves() {
		out = append(out, m.served())
	}
	return out
}

// rate is what the model costs in a unit; the zero rate has no unit and is none.
func (m Model) rate(unit payments.Unit) payments.TokenRate {
	for _, r := range m.Rates {
		if r.Unit == unit {
			return r
		}
	}
	return payments.TokenRate{}
}

func (m Model) served() wire.Served {
	first := m.Rates[0]
	return wire.Served{
		Name: m.Name, Model: m.CID, Image: m.Image, Unit: string(first.Unit), In: first.In, Out: first.Out,
		Context: uint32(m.Context), TPSMilli: m.TPSMilli, TTFTMS: m.TTFTMS, Parallel: uint32(m.Parallel),
	}
}

// model finds a model by CID or by name.
func (s *Server) model(name string) (*served, Model, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.models {
		if m.CID == name || m.Name == name {
			return m, m.Model, true
		}
	}
	return nil, Model{}, false
}
