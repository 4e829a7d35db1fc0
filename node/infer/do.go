package infer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p/identity"
)

// Do sends one request and returns the answer as it comes. ctx bounds the whole
// answer, its body included. Errors are *openai.Error.
func (r *Router) Do(ctx context.Context, req Request) (*Response, error) {
	q, err := r.prepare(req)
	if err == nil {
		var a *answer
		var w *way
		if a, w, err = r.begun(ctx, q); err == nil {
			return r.response(ctx, q, a, w), nil
		}
	}
	return nil, asOpenAI(ctx, req.Model, err)
}

// statusGone is what servers log of clients that did not wait; nobody sees it.
const statusGone = 499

// way is who is left for a query, and who has failed it.
type way struct {
	rest   []target
	failed map[identity.PubKey]bool
}

// begun gets an answer to begin: from this node itself where it serves the
// model, else from the first provider that can.
func (r *Router) begun(ctx context.Context, q *query) (*answer, *way, error) {
	w := &way{failed: map[identity.PubKey]bool{}}
	if r.d.Local != nil {
		if via, ok := r.d.Local(q.Model); ok {
			a, err := r.local(ctx, q, via)
			if err == nil {
				return a, w, nil
			}
			if e, own := final(err); own || ctx.Err() != nil {
				return nil, w, errors.Join(context.Cause(ctx), orNil(e))
			}
			r.log.Debug("own engine failed", "model", q.Model, "err", err)
		}
	}
	if err := r.choose(ctx, q, w); err != nil {
		return nil, w, err
	}
	a, rest, err := r.race(ctx, q, w.rest)
	w.rest = rest
	return a, w, err
}

func orNil(e *openai.Error) error {
	if e == nil {
		return nil
	}
	return e
}

// local asks this node's own engine, free of charge.
func (r *Router) local(ctx context.Context, q *query, via http.RoundTripper) (*answer, error) {
	a := &answer{m: meter.New(q.ask, nil), watch: &watch{idle: r.cfg.Idle, every: r.cfg.Idle}, done: r.ended, t: target{spot: spot{peer: r.d.Key.PubKey()}}}
	if err := r.post(ctx, a, q, via, "http://local"+q.Path, ""); err != nil {
		a.drop(err)
		return nil, err
	}
	return a, nil
}

// choose fills in the order in which providers are asked.
func (r *Router) choose(ctx context.Context, q *query, w *way) error {
	if err := r.ready(); err != nil {
		return err
	}
	v, err := r.see(ctx, q.Model)
	if err != nil {
		return err
	}
	if err := r.known(q, v.model); err != nil {
		return err
	}
	k, err := r.pick(q, v, w.failed)
	if err != nil {
		return err
	}
	w.rest = k.order
	return r.affordable(q, k.order[0])
}

// ready refuses what could not be paid.
func (r *Router) ready() error {
	if r.d.Ready == nil {
		return nil
	}
	if err := r.d.Ready(); err != nil {
		return payment(CodeWallet, "%v", err)
	}
	return nil
}

// affordable holds the request against what this node spends in an hour, before
// anybody is asked.
func (r *Router) affordable(q *query, t target) error {
	cost := q.cost(t.rate())
	if r.cfg.HourCap > 0 && r.purse.spent(r.now())+cost > r.cfg.HourCap {
		return r.overspent(cost)
	}
	return nil
}

// promise reserves what one try may cost: many at once must not each see room
// for themselves alone.
func (r *Router) promise(cost uint64) error {
	if !r.purse.hold(cost, r.cfg.HourCap, r.now()) {
		return r.overspent(cost)
	}
	return nil
}

func (r *Router) overspent(cost uint64) error {
	return payment(CodeBudget, "this node spends at most %s an hour on inference: %s are spent or promised and this request may cost %s",
		r.human(r.cfg.HourCap), r.human(r.purse.spent(r.now())), r.human(cost))
}

// response hands an answer that began to the caller.
func (r *Router) response(ctx context.Context, q *query, a *answer, w *way) *Response {
	out := &Response{
		Status: a.resp.StatusCode, Provider: a.t.peer, Model: a.t.served.Model,
		Header: http.Header{"Content-Type": {"application/json"}},
	}
	if a.l != nil {
		rate := a.l.Rate
		out.Lease, out.PriceIn, out.PriceOut, out.Unit = a.l.ID, rate.In, rate.Out, string(rate.Unit)
		r.sessions.set(q.session, a.t.peer)
	}
	if !q.Stream {
		a.finish()
		if a.l != nil {
			r.health.worked(a.t.peer, r.now())
		}
		out.Body = io.NopCloser(bytes.NewReader(a.whole))
		return out
	}
	out.Header.Set("Content-Type", "text/event-stream")
	out.Body = &stream{
		r: r, q: q, a: a, first: true, left: r.cfg.Continuations,
		gone:  func() error { return ctx.Err() },
		again: func(failed *answer) (*answer, error) { return r.elsewhere(ctx, q, w, failed) },
	}
	return out
}

// elsewhere asks for a deterministic answer once more: others first, the one
// that failed when nobody else is left.
func (r *Router) elsewhere(ctx context.Context, q *query, w *way, failed *answer) (*answer, error) {
	w.failed[failed.t.peer] = true
	if len(w.rest) == 0 {
		if err := r.choose(ctx, q, w); err != nil {
			clear(w.failed)
			if err := r.choose(ctx, q, w); err != nil {
				return nil, err
			}
		}
	}
	a, rest, err := r.race(ctx, q, w.rest)
	w.rest = rest
	if err == nil {
		r.sessions.set(q.session, a.t.peer)
	}
	return a, err
}
