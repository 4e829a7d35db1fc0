package serving

import (
	"context"
	"errors"
	"time"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

const (
	// quoteValidity is how long a quote binds us before a Lease.
	quoteValidity = 30 * time.Second
	// maxQuotes and maxQuotesPeer bound what strangers make us remember.
	maxQuotes     = 4096
	maxQuotesPeer = 64
)

// issued is a quote that we gave.
type issued struct {
	to    identity.PubKey
	quote wire.InferQuote
	most  wire.InferOffer
}

// ServeInferOffer answers one InferOffer with an InferQuote or a reason.
func (s *Server) ServeInferOffer(ctx context.Context, st *p2p.Stream, ev wire.Event) error {
	return s.reply(st, ev, func() (wire.Event, error) { return s.quote(ctx, st.Peer(), ev) })
}

// stream is what documents are answered on; *p2p.Stream is one.
type stream interface {
	wire.Reader
	Write([]byte) (int, error)
}

// reply answers ev with the document that make returns, or with the reason why
// there is none, which is also returned, for the log.
func (s *Server) reply(st stream, ev wire.Event, make func() (wire.Event, error)) error {
	signed, err := make()
	if err == nil {
		return wire.WriteEvent(st, signed)
	}
	signed, serr := wire.Seal(s.Key, answer(ev.ID, err), s.Now())
	if serr != nil {
		return errors.Join(err, serr)
	}
	return errors.Join(err, wire.WriteEvent(st, signed))
}

func (s *Server) quote(ctx context.Context, from identity.PubKey, ev wire.Event) (wire.Event, error) {
	o, err := wire.Decode[wire.InferOffer](ev)
	if err != nil {
		return wire.Event{}, refuse(CodeMalformed, "%v", err)
	}
	m, err := s.fits(o)
	if err != nil {
		return wire.Event{}, err
	}
	rate := m.rate(payments.Unit(o.Unit))
	room, err := s.Rail.RoomFor(ctx, from, rate.Unit)
	if err != nil {
		return wire.Event{}, err
	}
	// Where money can be locked before a request comes, room may follow.
	if room.Value == 0 && rate.In+rate.Out > 0 && !s.Rail.Funds(rate.Unit) {
		return wire.Event{}, refuse(CodeCredit, "credit: none left for this payer")
	}
	load := s.Pool.Load(m)
	q := wire.InferQuote{
		Offer: ev.ID, Job: o.Job, Model: m.CID, Image: m.Image, In: rate.In, Out: rate.Out,
		Unit: string(rate.Unit), Rail: o.Rail,
		Queue: uint32(max(load.Queued, 0)), Slots: uint32(m.Parallel),
		TPSMilli: m.TPSMilli, TTFTMS: m.TTFTMS, Context: uint32(m.Context), Warm: load.Warm,
		Credit: room.Value, Class: s.cfg.Class, Expires: s.Now().Add(quoteValidity).Unix(),
	}
	if load.Parallel > 0 {
		q.Slots = uint32(load.Parallel)
	}
	signed, err := wire.Seal(s.Key, q, s.Now())
	if err != nil {
		return wire.Event{}, err
	}
	return signed, s.remember(signed.ID, issued{to: from, quote: q, most: o})
}

// fits finds the model, or tells the first thing asked for that is not given.
func (s *Server) fits(o wire.InferOffer) (Model, error) {
	srv, _, ok := s.model(o.Model)
	if !ok || srv.CID != o.Model {
		return Model{}, refuse(CodeRefused, "model: %s is not served here", o.Model)
	}
	s.mu.Lock()
	m := srv.measured()
	s.mu.Unlock()
	now, rate := s.Now(), m.rate(payments.Unit(o.Unit))
	of := func(v uint64) string { return payments.Amount{Value: v, Unit: rate.Unit}.Human() }
	switch {
	case !s.Rail.Takes(o.Rail, payments.Unit(o.Unit)):
		return m, refuse(CodeRefused, "rail: %q in %q is not taken here now", o.Rail, o.Unit)
	case rate.Unit == "":
		return m, refuse(CodeRefused, "price: this model has none in %q here", o.Unit)
	case o.MaxIn > 0 && rate.In > o.MaxIn:
		return m, refuse(CodeRefused, "price: %s per million prompt tokens here, the offer allows %s", of(rate.In), of(o.MaxIn))
	case o.MaxOut > 0 && rate.Out > o.MaxOut:
		return m, refuse(CodeRefused, "price: %s per million completion tokens here, the offer allows %s", of(rate.Out), of(o.MaxOut))
	case o.Deadline <= now.Unix():
		return m, refuse(CodeStale, "deadline: already past")
	case o.Deadline > now.Add(s.cfg.LeaseFor).Unix():
		return m, refuse(CodeRefused, "deadline: more than %v ahead", s.cfg.LeaseFor)
	}
	return m, nil
}

// remember keeps a quote until it expires, so that a Lease can name it. Of too
// many for one client its oldest gives way: clients ask for quotes also to see
// whether a silent provider is there, and must not shut themselves out by it.
func (s *Server) remember(id wire.ID, q issued) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, mine := s.Now().Unix(), 0
	var oldest wire.ID
	for old, i := range s.quotes {
		switch {
		case i.quote.Expires < now:
			delete(s.quotes, old)
		case i.to == q.to:
			if mine++; mine == 1 || i.quote.Expires < s.quotes[oldest].quote.Expires {
				oldest = old
			}
		}
	}
	if mine >= maxQuotesPeer {
		delete(s.quotes, oldest)
	}
	if len(s.quotes) >= maxQuotes {
		return retry(5000, CodeBusy, "too many open quotes")
	}
	s.quotes[id] = q
	return nil
}

// quoted returns a quote of ours to that peer which still holds.
func (s *Server) quoted(id wire.ID, to identity.PubKey) (issued, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, ok := s.quotes[id]
	return q, ok && q.to == to && q.quote.Expires >= s.Now().Unix()
}
