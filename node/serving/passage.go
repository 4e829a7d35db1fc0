package serving

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"net/http"
	"sync"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/p2p/wire"
)

const (
	// pieceSize is how much of an answer is read at a time.
	pieceSize = 32 << 10
	// extendBy is how many more tokens are reserved when a stream outgrows its
	// reservation.
	extendBy = 1024
)

// pieces are the buffers that answers pass through.
type pieces struct{ pool sync.Pool }

func (p *pieces) get() *[pieceSize]byte {
	if b, ok := p.pool.Get().(*[pieceSize]byte); ok {
		return b
	}
	return new([pieceSize]byte)
}

// passage is an answer on its way from the engine to the client.
type passage struct {
	h           handler
	w           http.ResponseWriter
	r           *http.Request
	p           prompt
	k           *ticket
	count       counter
	asked       bool // the engine has the request
	failed      bool // the engine told a fault of its own
	ok          bool // the engine answered with a 2xx
	whole       bool // the answer came to its end
	first, last time.Time
	sum         hash.Hash // of the answer's bytes; nil: nobody will ask for it
}

// pass copies the answer. An error means that nothing was sent yet.
func (a *passage) pass(ctx context.Context, resp *http.Response) error {
	buf := a.h.s.pieces.get()
	defer a.h.s.pieces.pool.Put(buf)
	a.ok = resp.StatusCode/100 == 2
	if a.p.numbered && a.ok {
		a.sum = sha256.New()
	}
	a.count.events = eventStream(resp.Header)
	n, err := a.begin(resp.Body, buf[:])
	if err != nil && !errors.Is(err, io.EOF) {
		return errors.Join(ErrCrashed, err)
	}
	a.first = time.Now()
	a.last = a.first
	head := a.w.Header()
	if ct := resp.Header.Get("Content-Type"); ct != "" {
		head.Set("Content-Type", ct)
	}
	head.Set("Trailer", HeaderUsage)
	a.w.WriteHeader(resp.StatusCode)
	rc := http.NewResponseController(a.w)
	for {
		if n > 0 {
			a.last = time.Now()
			if !a.send(ctx, rc, buf[:n], err == nil) {
				return nil
			}
		}
		if err != nil {
			a.end(ctx, err)
			return nil
		}
		n, err = resp.Body.Read(buf[:])
	}
}

// begin reads the first piece. An answer that is no stream is worth nothing in
// part: as much of it as fits the piece is waited for, so that an engine that
// ends on the way can still be told of by a status.
func (a *passage) begin(body io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil && (n == 0 || !a.count.events) {
		var m int
		m, err = body.Read(buf[n:])
		n += m
	}
	if n > 0 && a.count.events {
		return n, nil // an error comes again at the next read
	}
	return n, err
}

// send passes one piece on and reserves for what it brings; false ends the
// answer.
func (a *passage) send(ctx context.Context, rc *http.ResponseController, piece []byte, flush bool) bool {
	a.count.add(piece)
	if a.sum != nil {
		a.sum.Write(piece)
	}
	if _, err := a.w.Write(piece); err != nil {
		return false
	}
	if flush && a.count.events {
		if err := rc.Flush(); err != nil {
			return false
		}
	}
	if a.count.out <= a.k.most.out || !a.ok {
		return true
	}
	if err := a.h.s.extend(ctx, a.h.t, a.k, a.count.out+extendBy); err != nil {
		a.fail(openai.AsError(err))
		return false
	}
	return true
}

// end is called with the error that ended the engine's answer.
func (a *passage) end(ctx context.Context, err error) {
	switch {
	case errors.Is(err, io.EOF) && (!a.count.events || a.count.done || !a.ok):
		a.whole = true
	case !a.count.events:
		// Half of such an answer is worth nothing, unless it is the client who
		// wanted no more of it.
		a.ok = a.ok && a.h.left(a.r)
		panic(http.ErrAbortHandler) // it must not look whole
	case ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded):
		e := crashed()
		if ctx.Err() != nil {
			e = openai.Unavailable("the request took too long")
		}
		a.fail(e)
	}
}

// fail ends a stream with an error event.
func (a *passage) fail(e *openai.Error) {
	raw, err := json.Marshal(e)
	if err != nil {
		return
	}
	if a.count.midway() {
		_, _ = a.w.Write([]byte("\n\n")) // whatever was begun is over
	}
	_, _ = a.w.Write(append(append([]byte("data: "), raw...), "\n\n"...))
}

// settle meters what was used.
func (a *passage) settle() Usage {
	var in, out uint64
	switch {
	case a.p.path == pathTokenize || a.p.path == pathDetokenize:
	case a.count.data:
		if a.ok {
			in, out = a.count.used(a.p, a.whole)
		}
	case a.asked && !a.failed && a.h.left(a.r):
		// The engine read the prompt, and nobody but the client kept its answer
		// from coming: else prompts could be had read for nothing.
		in = a.p.rough
	}
	if a.sum != nil && a.whole {
		a.h.t.answered(a.k.l, a.p.number, wire.AnswerHash(a.p.received, [sha256.Size]byte(a.sum.Sum(nil))))
	}
	return a.h.s.finish(a.h.t, a.k, in, out)
}
