package serving

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/p2p/wire"
)

// ServeHTTP answers one request. What it costs nothing to refuse is refused
// first: a body is read only for a client that has a lease and a place.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h.serve(w, r); err != nil {
		if e := openai.AsError(err); e.Status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		openai.WriteError(w, err)
	}
}

func (h handler) serve(w http.ResponseWriter, r *http.Request) error {
	if !allowed(r.URL.Path) {
		return &openai.Error{Status: http.StatusNotFound, Type: openai.TypeInvalidRequest, Message: "no such path here"}
	}
	if r.Method != http.MethodPost {
		return notAllowed()
	}
	job, ok := leaseOf(r.Header)
	if !ok {
		return unpaid(CodeLeaseUnknown, "the header %s names no lease", HeaderLease)
	}
	l, ok := h.t.lease(job)
	if !ok {
		return unpaid(CodeLeaseUnknown, "no such lease of this client")
	}
	// The lease names the model, whatever the body does: it is what was priced.
	srv, m, ok := h.s.model(l.terms.Model)
	if !ok {
		return openai.NotFound(l.terms.Model)
	}
	if err := h.s.begin(h.t); err != nil {
		return err
	}
	defer h.t.end()
	body, err := h.s.readBody(w, r)
	if err != nil {
		return err
	}
	p, err := h.s.cfg.read(r.URL.Path, body, m, h.t.salt)
	if err != nil {
		return err
	}
	k, err := h.s.admit(r.Context(), h.t, job, p.most)
	if err != nil {
		return err
	}
	p.number, p.numbered = numberOf(r.Header)
	if p.numbered = p.numbered && !l.terms.AuditCommit.IsZero(); p.numbered {
		p.received = sha256.Sum256(body)
	}
	return h.ask(w, r, p, k, srv, m, job)
}

// ask passes an admitted request to the engine and its answer back. Whatever
// comes of it, the ticket is given back and what was used is metered.
func (h handler) ask(w http.ResponseWriter, r *http.Request, p prompt, k *ticket, srv *served, m Model, job wire.ID) error {
	// The request's context ends when its client goes, and the engine's work
	// with it.
	ctx, cancel := context.WithTimeout(r.Context(), h.s.cfg.RequestTime)
	defer cancel()
	a := &passage{h: h, w: w, r: r, p: p, k: k}
	told := false
	defer func() {
		if !told {
			a.settle()
		}
	}()
	slot, err := h.s.Pool.Acquire(ctx, m, h.t.name)
	if err != nil {
		return h.failed(ctx, err)
	}
	defer slot.Release()
	if err := ctx.Err(); err != nil {
		return h.failed(ctx, err) // it was left in the moment of its turn: the engine never has it
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://engine"+p.path, bytes.NewReader(p.body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	start := time.Now()
	a.asked = true
	resp, err := slot.RoundTrip(req)
	if err != nil {
		return h.failed(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := engineFailed(resp.StatusCode); err != nil {
		a.failed = true
		return err
	}
	w.Header().Set(HeaderLease, job.String())
	if err := a.pass(ctx, resp); err != nil {
		return h.failed(ctx, err)
	}
	u := a.settle()
	told = true
	w.Header().Set(HeaderUsage, u.String()) // announced as a trailer
	// Only whole streams tell a speed: a client that reads slowly, or leaves,
	// must not make this provider look slow.
	if a.whole && p.stream && u.Out > 0 {
		srv.speed.add(u.Out, a.first.Sub(start), a.last.Sub(a.first))
	}
	return nil
}

// engineFailed is what a client is told of an engine's own fault: not its words,
// which speak of the inside of this machine. What it says of the request, a
// status below 500, is passed on.
func engineFailed(status int) error {
	switch {
	case status == http.StatusServiceUnavailable:
		return openai.Unavailable("the engine cannot answer now")
	case status < 200 || status > 499:
		return openai.Upstream("the engine failed")
	}
	return nil
}

// failed is what a client is told when no answer began.
func (h handler) failed(ctx context.Context, err error) error {
	var told *openai.Error
	switch {
	case errors.As(err, &told):
		return told
	// It counts although its prompt may be metered: a place was held for it.
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		h.t.left(h.s.Now())
		return openai.Unavailable("the request was given up") // nobody is there to read it
	case errors.Is(err, context.DeadlineExceeded):
		return openai.Unavailable("the request took too long")
	case isBusy(err):
		return openai.RateLimit("the engine's queue is full")
	}
	h.s.Log.Warn("engine", "peer", h.t.peer.Short(), "err", err)
	if isCrash(err) {
		return crashed()
	}
	return openai.Unavailable("the engine does not answer")
}
