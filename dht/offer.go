package dht

import (
	"context"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// resignAfter is how long one signature of the offer is served: signing for
// every request would let strangers buy our time cheaply.
const resignAfter = 30 * time.Second

// badOfferPoints is what a bad offer costs its author; see p2p.Host.Penalise.
const badOfferPoints = 20

// SetOffer sets the offer that this node serves, freshly signed, and makes the
// node a provider to others. The network is filled in. Announcing its keys is
// SetKeys' part; see OfferKeys.
func (d *DHT) SetOffer(o wire.ProviderOffer) error {
	o.Network = d.host.Network()
	if err := o.Validate(); err != nil {
		return err
	}
	d.mu.Lock()
	first := d.offer == nil
	d.offer, d.sealed = &o, wire.Event{}
	d.mu.Unlock()
	if first {
		lim := p2p.StreamLimits{Total: 64, PerPeer: 4, Idle: 10 * time.Second, Life: 20 * time.Second}
		d.host.Handle(p2p.ProtoOffer, lim, d.serveOffer)
	}
	return nil
}

func (d *DHT) serveOffer(_ context.Context, s *p2p.Stream) {
	ev, err := d.sealedOffer(time.Now())
	if err != nil {
		d.log.Error("offer not signed", "err", err)
		_ = s.Reset()
		return
	}
	if err := wire.WriteEvent(s, ev); err != nil {
		d.log.Debug("offer not sent", "peer", s.Peer().Short(), "err", err)
	}
}

func (d *DHT) sealedOffer(now time.Time) (wire.Event, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	age := now.Unix() - d.sealed.CreatedAt
	if !d.sealed.ID.IsZero() && age >= 0 && age < int64(resignAfter/time.Second) {
		return d.sealed, nil
	}
	o := *d.offer
	if len(o.Addrs) == 0 {
		addrs := d.host.Addrs()
		o.Addrs = addrs[:min(len(addrs), 16)]
	}
	ev, err := wire.Seal(d.host.Key(), o, now)
	if err != nil {
		return wire.Event{}, err
	}
	d.sealed = ev
	return ev, nil
}

// FetchOffer asks a peer for its offer and checks it: signed by that peer,
// fresh, for this network. Errors: those of p2p.Host.Open, ErrBadOffer.
func (d *DHT) FetchOffer(ctx context.Context, p identity.PubKey) (wire.ProviderOffer, wire.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.FetchTimeout)
	defer cancel()
	s, err := d.host.Open(ctx, p, p2p.ProtoOffer)
	if err != nil {
		return wire.ProviderOffer{}, wire.Event{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	defer func() { _ = s.Close() }()
	// This sends the request. An error tells nothing yet: a quick peer has
	// answered and closed by now.
	_ = s.CloseWrite()
	ev, err := wire.ReadEvent(s.Reader)
	if err != nil {
		if !brokenStream(err) {
			d.host.Penalise(p, badOfferPoints, "unreadable offer")
			err = fmt.Errorf("%w: %w", ErrBadOffer, err)
		}
		return wire.ProviderOffer{}, wire.Event{}, errors.Join(ctx.Err(), err)
	}
	o, err := checkOffer(ev, p, d.host.Network(), time.Now())
	if err != nil {
		d.host.Penalise(p, badOfferPoints, "bad offer")
		return wire.ProviderOffer{}, wire.Event{}, err
	}
	d.offers.store(p, o, ev, time.Now())
	return o, ev, nil
}

// brokenStream tells a connection's failure from a document's: only wire's own
// errors are the peer's fault.
func brokenStream(err error) bool {
	for _, e := range []error{wire.ErrTooBig, wire.ErrSyntax, wire.ErrFrame, wire.ErrBadID, wire.ErrBadSignature} {
		if errors.Is(err, e) {
			return false
		}
	}
	return true
}

// checkOffer holds an event that parsed, so whose signature is good, against
// what was asked.
func checkOffer(ev wire.Event, from identity.PubKey, network string, now time.Time) (wire.ProviderOffer, error) {
	if ev.PubKey != from {
		return wire.ProviderOffer{}, fmt.Errorf("%w: it is of another author", ErrBadOffer)
	}
	if age := now.Sub(time.Unix(ev.CreatedAt, 0)); age > wire.Skew || age < -wire.Skew {
		return wire.ProviderOffer{}, fmt.Errorf("%w: it is %s old", ErrBadOffer, age)
	}
	o, err := wire.Decode[wire.ProviderOffer](ev)
	if err != nil {
		return wire.ProviderOffer{}, fmt.Errorf("%w: %w", ErrBadOffer, err)
	}
	if o.Network != network {
		return wire.ProviderOffer{}, fmt.Errorf("%w: it is for network %.40q", ErrBadOffer, o.Network)
	}
	return o, nil
}
