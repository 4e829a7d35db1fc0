package infer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// quoted is a provider's quote, good for one lease.
type quoted struct {
	id       wire.ID // of its document
	quote    wire.InferQuote
	deadline int64 // of the lease that was asked for, unix seconds
	at       time.Time
}

// quotes asks everyone at once and waits as long as QuoteTime.
func (r *Router) quotes(ctx context.Context, spots []spot) (map[identity.PubKey]quoted, []Dropped) {
	var (
		mu      sync.Mutex
		wg      sync.WaitGroup
		out     = make(map[identity.PubKey]quoted, len(spots))
		dropped []Dropped
	)
	for i, s := range spots {
		if i >= r.cfg.Candidates {
			dropped = append(dropped, Dropped{Peer: s.peer, Stage: "quote", Reason: fmt.Sprintf("only %d are asked", r.cfg.Candidates), refused: true})
			continue
		}
		wg.Go(func() {
			q, err := r.quote(ctx, s)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				var no *refused
				said := errors.As(err, &no) || errors.Is(err, errProtocol)
				late := errors.Is(err, errLateQuote)
				dropped = append(dropped, Dropped{Peer: s.peer, Stage: "quote", Reason: err.Error(), refused: said, late: late})
				return
			}
			out[s.peer] = q
		})
	}
	wg.Wait()
	return out, dropped
}

// quoteTries is how often quotes are asked for where there are none yet.
const quoteTries = 3

// someQuotes asks for quotes, and again while nobody has answered in time: a
// provider that is reached for the first time may take longer than one that is
// known, and a request would fail for want of another.
func (r *Router) someQuotes(ctx context.Context, spots []spot) (map[identity.PubKey]quoted, []Dropped) {
	late := func(d Dropped) bool { return d.late }
	for tries := 1; ; tries++ {
		out, dropped := r.quotes(ctx, spots)
		if len(out) > 0 || tries == quoteTries || ctx.Err() != nil || !slices.ContainsFunc(dropped, late) {
			return out, dropped
		}
	}
}

// quote asks one provider for its present price and load.
func (r *Router) quote(ctx context.Context, s spot) (quoted, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.QuoteTime)
	defer cancel()
	t, err := r.talkTo(ctx, s.peer, p2p.ProtoQuote)
	if err != nil {
		return quoted{}, err
	}
	defer t.end()
	// Each quote is for a lease of its own, so the name is new each time.
	offer := wire.InferOffer{
		Job: wire.LeaseID(), Model: s.served.Model, Unit: string(r.d.Rail.Unit()), Rail: r.d.Rail.Name(),
		Budget: r.cfg.Budget, Deadline: r.now().Add(r.cfg.LeaseLife).Unix(),
	}
	said, ans, err := r.ask(t, offer)
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w within %s: %w", errLateQuote, r.cfg.QuoteTime, err)
		}
		return quoted{}, err
	}
	q, err := wire.Decode[wire.InferQuote](ans)
	switch {
	case err != nil:
		r.penalise(s.peer, penaltyMalformed, "malformed quote")
		return quoted{}, fmt.Errorf("%w: %w", errProtocol, err)
	case q.Offer != said.ID || q.Job != offer.Job || q.Model != offer.Model:
		return quoted{}, fmt.Errorf("%w: it quotes for something else", errProtocol)
	// Another unit is no lie, but nothing here could compare or pay it.
	case q.Unit != offer.Unit || q.Rail != offer.Rail:
		return quoted{}, fmt.Errorf("it wants %.16q on %.32q, this node pays %s on %s", q.Unit, q.Rail, offer.Unit, offer.Rail)
	}
	return quoted{id: ans.ID, quote: q, deadline: offer.Deadline, at: r.now()}, nil
}
