package infer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer/meter"
)

// mends is how often one provider is asked again after it said what is wrong
// with the lease.
const mends = 2

// try sends the query to one provider, until its answer begins. A lease that
// does not hold any more is replaced, a window that is due is paid.
func (r *Router) try(ctx context.Context, q *query, t target) (*answer, error) {
	for again := 0; ; again++ {
		a, err := r.send(ctx, q, t)
		if err == nil || again == mends || ctx.Err() != nil {
			return a, err
		}
		var e *mendable
		if !errors.As(err, &e) {
			return nil, err
		}
		if !r.mend(ctx, e) {
			return nil, e.err
		}
	}
}

// mendable is a refusal that has to do with the lease, not with the request.
type mendable struct {
	l   *lease // nil: it was not agreed
	err error
}

func (m *mendable) Error() string { return m.err.Error() }
func (m *mendable) Unwrap() error { return m.err }

func (r *Router) mend(ctx context.Context, m *mendable) bool {
	if m.l == nil {
		return true // the quote was used up; the next try brings another
	}
	var e *openai.Error
	if !errors.As(m.err, &e) {
		return false
	}
	switch e.Code {
	case codeLeaseUnknown:
		r.abandon(m.l, "the provider does not know the lease any more")
	case codeLeaseEnded, codeLeaseBudget:
		r.retire(m.l, e.Code)
	case codeWindowDue:
		before := m.l.info()
		if err := r.settle(ctx, m.l); err != nil {
			r.log.Debug("a window is due and not paid", "lease", m.l.ID.Short(), "err", err)
			return false
		}
		switch after := m.l.info(); {
		case after.Windows > before.Windows:
		case after.Active > 0: // it waits for what is under way
			m.err = openai.RateLimit("the provider waits until requests under way are paid")
			return false
		default: // what was cut off shows only at a lease's end
			r.retire(m.l, e.Code)
		}
	default:
		return false
	}
	return true
}

func (r *Router) send(ctx context.Context, q *query, t target) (*answer, error) {
	rate := t.rate()
	a := &answer{t: t, cost: q.cost(rate), m: meter.New(q.ask, q.tok), watch: r.watching(t), done: r.ended, guess: q.guess(), piece: !q.Stream}
	if err := r.promise(a.cost); err != nil {
		return nil, err
	}
	l, err := r.take(ctx, t, a.cost)
	if err != nil {
		r.purse.give(a.cost)
		if isRefused(err, "no_quote") {
			err = &mendable{nil, err}
		}
		return nil, err
	}
	a.l, a.held, a.number = l, a.m.Most(q.guess()), l.numbered()
	// From here on the provider may work for us: a crash must not forget that.
	l.hold(a.held)
	r.health.busy(t.peer, 1)
	if err := r.post(ctx, a, q, r.http, "http://"+t.peer.Hex()+q.Path, l.ID.String()); err != nil {
		var e *openai.Error
		var dial *unreached
		// A refusal is the provider's word that it did nothing, which it cannot
		// take back in a window.
		a.unheard = errors.As(err, &dial) || errors.As(err, &e) && a.events == nil
		cause := err
		if c := a.why(); c != nil {
			cause = c // the transport does not always say who ended it
		}
		a.drop(cause)
		if errors.As(err, &e) && e.Status == http.StatusPaymentRequired {
			return nil, &mendable{l, err}
		}
		return nil, err
	}
	return a, nil
}

// post sends the query and reads what comes first.
func (r *Router) post(ctx context.Context, a *answer, q *query, via http.RoundTripper, url, lease string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	a.cancel, a.why = cancel, func() error { return context.Cause(ctx) }
	a.until = r.now().Add(r.cfg.Longest)
	a.stalls = time.AfterFunc(r.cfg.Longest, func() { cancel(errIdle) })
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(q.body))
	if err != nil {
		return err
	}
	req.Header["Content-Type"] = []string{"application/json"}
	if lease != "" {
		req.Header[headerLease] = []string{lease}
		req.Header[headerNumber] = []string{strconv.FormatUint(uint64(a.number), 10)}
	}
	if a.resp, err = via.RoundTrip(req); err != nil {
		return err
	}
	if a.resp.StatusCode < 200 || a.resp.StatusCode > 299 {
		body, _ := io.ReadAll(io.LimitReader(a.resp.Body, 64<<10))
		return openai.ReadError(a.resp.StatusCode, body)
	}
	r.listen(a, q)
	if err = a.begin(q, r.cfg); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return err
	}
	a.stalls.Stop()
	return nil
}

// ended is called once when an answer has ended, however it did.
func (r *Router) ended(a *answer, res meter.Result, cause error) {
	if a.l == nil {
		return
	}
	r.health.busy(a.t.peer, -1)
	a.used = res.Count
	if cause == nil && res.Reason == "" {
		r.hold(a, res.Count)
	}
	r.settled(a.l, a.cost, a.held, res)
}

// blame counts a failure against a provider, unless it is the request's own or
// ours.
func (r *Router) blame(t target, err error) {
	if _, own := final(err); own || errors.Is(err, context.Canceled) || errors.Is(err, errClosed) || t.peer == r.d.Key.PubKey() {
		return
	}
	weight := 1.0
	var e *openai.Error
	if errors.As(err, &e) && (e.Status == http.StatusTooManyRequests || e.Status == http.StatusPaymentRequired) {
		weight = 0.5
	}
	if errors.Is(err, errGarbage) || errors.Is(err, errTooLong) {
		r.penalise(t.peer, penaltyGarbage, "garbage for an answer")
	}
	r.health.failed(t.peer, weight, r.now())
}

// all sums up why nobody answered.
func (r *Router) all(q *query, failed []failure) error {
	var told *openai.Error
	for _, f := range failed {
		if e, ok := final(f.err); ok {
			return e
		}
		var e *openai.Error
		// The most telling: a full queue is worth waiting for, an upstream error
		// is what the others say too.
		if errors.As(f.err, &e) && (told == nil || e.Status == http.StatusTooManyRequests) {
			told = e
		}
	}
	switch {
	case told != nil && told.Status == http.StatusPaymentRequired:
		return payment(CodeCredit, "no provider gives this node credit for the request: %.300s", told.Message)
	case told != nil && told.Status < 500:
		return told
	case len(failed) == 0:
		return noProvider(q.Model, "nobody is left to ask")
	}
	last := failed[len(failed)-1]
	return noProvider(q.Model, fmt.Sprintf("%d providers were asked and failed; the last, %s: %.300q", len(failed), last.peer.Short(), last.err.Error()))
}
