package node

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"infernet.tech/infernet/node/provider"
	"infernet.tech/infernet/node/serving"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
)

// Role is something that a node does for others. Being a client is the role
// of a node that does nothing for others; every node can be used by its owner.
type Role string

// The roles.
const (
	RoleClient     Role = "client"
	RoleProvider   Role = "provider"
	RoleAggregator Role = "aggregator"
	RoleValidator  Role = "validator"
	RoleRelay      Role = "relay"
)

var allRoles = []Role{RoleClient, RoleProvider, RoleAggregator, RoleValidator, RoleRelay}

// Validate refuses an unknown role.
func (r Role) Validate() error {
	if slices.Contains(allRoles, r) {
		return nil
	}
	var names []string
	for _, x := range allRoles {
		names = append(names, string(x))
	}
	return fmt.Errorf("role %q: choose from %s", string(r), strings.Join(names, ", "))
}

// worker serves what aggregators ask of a provider.
type worker interface {
	ServeQuote(ctx context.Context, s *p2p.Stream, ev wire.Event) error
	ServeJob(ctx context.Context, s *p2p.Stream, ev wire.Event) error
	ServeLog(ctx context.Context, s *p2p.Stream, ev wire.Event) error
	// Bundle is what is held of the attempt that a receipt is for.
	Bundle(of reputation.Record) (reputation.Bundle, error)
	// Unpaid is told of a client that signed for work and did not make it good.
	Unpaid(client identity.PubKey, ref payments.Ref, now time.Time) error
}

// taker takes whole jobs for other clients.
type taker interface {
	ServeDelegate(ctx context.Context, s *p2p.Stream, ev wire.Event) error
	// ServeCancel reports false where no job of that peer is known by the name.
	ServeCancel(ctx context.Context, s *p2p.Stream, ev wire.Event) (taken bool, err error)
}

// seller answers prompts to models for clients who lease it.
type seller interface {
	ServeInferOffer(ctx context.Context, s *p2p.Stream, ev wire.Event) error
	ServeLease(ctx context.Context, s *p2p.Stream, ev wire.Event) error
	ServeWindow(ctx context.Context, s *p2p.Stream, ev wire.Event) error
	ServeConn(ctx context.Context, s *p2p.Stream)
	// Local answers the owner's own requests to a model, by name or CID.
	Local(model string) (http.RoundTripper, bool)
	Serves() []serving.Model
	Offer() []wire.Served
}

// off is a role that this node does not have: it says so to whoever asks.
type off struct {
	key  *identity.Key
	role Role
}

func (o off) ServeQuote(_ context.Context, s *p2p.Stream, ev wire.Event) error {
	return o.refuse(s, ev)
}

func (o off) ServeJob(_ context.Context, s *p2p.Stream, ev wire.Event) error {
	return o.refuse(s, ev)
}

func (o off) ServeLog(_ context.Context, s *p2p.Stream, ev wire.Event) error {
	return o.refuse(s, ev)
}

// Bundle is the receipt alone: who does no work has seen nothing of it.
func (o off) Bundle(of reputation.Record) (reputation.Bundle, error) {
	return of.Bundle(nil, nil, nil), nil
}

// Unpaid: who does no work is owed nothing for it.
func (o off) Unpaid(identity.PubKey, payments.Ref, time.Time) error { return nil }

func (o off) ServeDelegate(_ context.Context, s *p2p.Stream, ev wire.Event) error {
	return o.refuse(s, ev)
}

func (o off) ServeCancel(context.Context, *p2p.Stream, wire.Event) (bool, error) { return false, nil }

func (o off) ServeInferOffer(_ context.Context, s *p2p.Stream, ev wire.Event) error {
	return o.refuse(s, ev)
}

func (o off) ServeLease(_ context.Context, s *p2p.Stream, ev wire.Event) error {
	return o.refuse(s, ev)
}

func (o off) ServeWindow(_ context.Context, s *p2p.Stream, ev wire.Event) error {
	return o.refuse(s, ev)
}

// ServeConn has nothing to say: nobody holds a lease here.
func (o off) ServeConn(_ context.Context, s *p2p.Stream) { _ = s.Reset() }

func (o off) Local(string) (http.RoundTripper, bool) { return nil, false }
func (o off) Serves() []serving.Model                { return nil }
func (o off) Offer() []wire.Served                   { return nil }

func (o off) refuse(s *p2p.Stream, ev wire.Event) error {
	m := wire.Error{Ref: ev.ID, Code: provider.CodeRefused, Text: fmt.Sprintf("role: this node is no %s", o.role)}
	signed, err := wire.Seal(o.key, m, time.Now())
	if err != nil {
		return err
	}
	return wire.WriteEvent(s, signed)
}
