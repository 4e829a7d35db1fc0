package infer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p/identity"
)

// answer is one provider's answer to a query, begun.
type answer struct {
	t       target
	l       *lease // nil: free
	cost    uint64 // reserved of the lease
	held    meter.Count
	resp    *http.Response
	cancel  context.CancelCauseFunc
	release context.CancelCauseFunc // of the context around it; may be nil
	why     func() error            // why it was cancelled, if it was
	until   time.Time               // when the whole of it has taken too long
	stalls  *time.Timer             // ends the request when it takes too long to begin, or to end
	watch   *watch                  // ends it when the provider is silent in between
	events  *openai.EventReader
	whole   []byte // of an answer that is not streamed
	first   []byte // the first event, which was read to see whether there is one
	chunk   meter.Chunk

	mu    sync.Mutex
	m     *meter.Meter
	ended bool
	done  func(*answer, meter.Result, error) // called once

	number  uint32      // of the request in its lease
	request *query      // kept for the audit; nil: there is none
	heard   *heard      // what an audit needs of the answer
	body    *hashed     // the answer's bytes, where an audit may be drawn by them
	used    meter.Count // once it has ended

	guess   int  // completion tokens that an answer without a bound may have
	unheard bool // the request was not sent, or refused
	piece   bool // it comes in one piece, not as a stream
}

// next is the next event; the time until it comes is bounded. Comments are
// events here, but too many of them are too long an answer.
func (a *answer) next() (openai.Event, error) {
	a.watch.begin()
	defer a.watch.end()
	return a.events.Next()
}

// add counts an event or a whole answer.
func (a *answer) add(c meter.Chunk) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ended {
		a.m.Add(c)
		if a.heard != nil {
			a.heard.add(c)
		}
	}
}

// drainTime and drainBytes bound what may follow the last event.
const (
	drainTime  = 2 * time.Second
	drainBytes = 16 << 10
)

// trail reads the body to its end, so that the connection can be used again,
// and takes the provider's own count from the trailer.
func (a *answer) trail() {
	a.stalls.Reset(drainTime)
	_, err := io.CopyN(io.Discard, a.resp.Body, drainBytes)
	a.stalls.Stop()
	if !errors.Is(err, io.EOF) {
		return
	}
	if u, ok := parseUsage(a.resp.Trailer.Get(headerUsage)); ok {
		a.mu.Lock()
		a.m.Claim(u.request)
		a.mu.Unlock()
	}
}

// finish ends an answer that came in full.
func (a *answer) finish() { a.end(nil, func() meter.Result { return a.m.Finish() }) }

// drop ends an answer that was not had in full, by whoever's doing. The provider
// may have worked for it unless it said, or could not hear, otherwise.
func (a *answer) drop(cause error) {
	a.end(cause, func() meter.Result {
		if a.unheard {
			return meter.Result{}
		}
		return a.m.Cut(whose(cause), a.piece, a.guess)
	})
}

// whose doing it was that an answer ended early.
func whose(cause error) meter.Why {
	for _, ours := range []error{errClosed, context.Canceled, context.DeadlineExceeded, errTooLong, errDiffers} {
		if errors.Is(cause, ours) {
			return meter.Left
		}
	}
	if errors.Is(cause, errLost) || errors.Is(cause, errLate) {
		return meter.Waited
	}
	return meter.Broken
}

func (a *answer) end(cause error, count func() meter.Result) {
	a.mu.Lock()
	if a.ended {
		a.mu.Unlock()
		return
	}
	a.ended = true
	res := count()
	a.mu.Unlock()
	a.stalls.Stop()
	a.watch.close()
	a.cancel(cause)
	if a.release != nil {
		a.release(cause)
	}
	if a.resp != nil {
		_ = a.resp.Body.Close()
	}
	a.done(a, res, cause)
}

// failure is why one provider did not answer.
type failure struct {
	peer identity.PubKey
	err  error
}

// final says that an error is the request's own: everyone would say so.
func final(err error) (*openai.Error, bool) {
	var e *openai.Error
	if !errors.As(err, &e) {
		return nil, false
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity, http.StatusMethodNotAllowed:
		return e, true
	case http.StatusPaymentRequired:
		return e, e.Code == CodeBudget
	}
	return e, false
}

// begin reads the first event of a stream, or the whole of another answer.
func (a *answer) begin(q *query, cfg Config) error {
	if !q.Stream {
		return a.readWhole(q, cfg)
	}
	if !bytes.HasPrefix([]byte(a.resp.Header.Get("Content-Type")), []byte("text/event-stream")) {
		return errGarbage
	}
	a.events = openai.NewEventReader(a.resp.Body, cfg.MaxEvent)
	a.watch.start(func(err error) { a.cancel(err) })
	for range maxComments {
		ev, err := a.events.Next()
		if err != nil {
			return cut(err)
		}
		if len(ev.Data) == 0 {
			continue
		}
		if ev.Done() {
			return errCut
		}
		c, err := read(ev.Data)
		if err != nil {
			return err
		}
		a.first, a.chunk = bytes.Clone(ev.Raw), c
		return nil
	}
	return errGarbage
}

// maxComments may come before the first event.
const maxComments = 1000

// read parses an event; one that reports an error is one.
func read(data []byte) (meter.Chunk, error) {
	c, err := meter.Parse(data)
	if err != nil {
		return c, errGarbage
	}
	if len(c.Error) > 0 && string(c.Error) != "null" {
		return c, openai.ReadError(http.StatusBadGateway, data)
	}
	return c, nil
}

// cut names an end that came too early.
func cut(err error) error {
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return errCut
	case errors.Is(err, openai.ErrEventTooLong):
		return errGarbage
	}
	return err
}

// readWhole takes in an answer that is not streamed.
func (a *answer) readWhole(q *query, cfg Config) error {
	most := cfg.MaxAnswer
	if q.least > 0 {
		most = min(most, q.least)
	}
	body, err := io.ReadAll(io.LimitReader(a.resp.Body, int64(most)+1))
	switch {
	case err != nil:
		return cut(err)
	case len(body) > most:
		return errTooLong
	}
	a.whole = body
	if a.l == nil { // our own engine: nothing is counted
		return nil
	}
	c := meter.Chunk{}
	if q.maxOut() > 0 {
		c, err = meter.Parse(body)
	} else if u, ok := openai.UsageOf(body); ok { // vectors need no second reading
		c.Usage = &u
	}
	if err != nil {
		return errGarbage
	}
	a.add(c)
	if u, ok := parseUsage(a.resp.Trailer.Get(headerUsage)); ok {
		a.mu.Lock()
		a.m.Claim(u.request)
		a.mu.Unlock()
	}
	return nil
}
