package delivery

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Penalties for what no honest provider does; see p2p.Host.Penalise.
const penaltyMalformed = 20

// talk is one exchange of documents with a provider.
type talk struct {
	c    io.ReadWriteCloser
	r    *bufio.Reader
	peer identity.PubKey
	stop func() bool
}

// talkTo opens a stream that ends with ctx.
func (s *Service) talkTo(ctx context.Context, p identity.PubKey) (*talk, error) {
	c, err := s.d.Dial(ctx, p)
	if err != nil {
		return nil, err
	}
	t := &talk{c: c, r: bufio.NewReader(c), peer: p}
	t.stop = context.AfterFunc(ctx, func() { _ = resetOf(c) })
	return t, nil
}

func (t *talk) end() {
	t.stop()
	_ = t.c.Close()
}

// say sends a document and reads the answer: the provider's own, or its reason
// as a *refusal. What cannot be an answer is errProtocol.
func (s *Service) say(t *talk, ev wire.Event) (wire.Event, error) {
	if err := wire.WriteEvent(t.c, ev); err != nil {
		return wire.Event{}, fmt.Errorf("send: %w", err)
	}
	ans, err := wire.ReadEvent(t.r)
	if err != nil {
		if malformed(err) {
			s.d.Penalise(t.peer, penaltyMalformed, "malformed answer to a delivery")
			err = fmt.Errorf("%w: %w", errProtocol, err)
		}
		return ans, fmt.Errorf("read: %w", err)
	}
	// A relayed answer of somebody else binds nobody here.
	if ans.PubKey != t.peer {
		return ans, fmt.Errorf("%w: signed by another key", errProtocol)
	}
	if ans.Kind == wire.KindError {
		m, err := wire.Decode[wire.Error](ans)
		switch {
		case err != nil:
			return ans, fmt.Errorf("%w: %w", errProtocol, err)
		case m.Ref != ev.ID:
			return ans, fmt.Errorf("%w: an error about something else", errProtocol)
		}
		return ans, &refusal{code: m.Code, text: m.Text, retryMS: m.RetryMS}
	}
	return ans, nil
}

func malformed(err error) bool {
	for _, e := range []error{wire.ErrTooBig, wire.ErrSyntax, wire.ErrFrame, wire.ErrBadID, wire.ErrBadSignature} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// transient says that an error may be gone at the next try.
func transient(err error) bool {
	var r *refusal
	if errors.As(err, &r) {
		return r.retryMS > 0
	}
	return !errors.Is(err, errProtocol)
}

// retryIn is when a refused document may be said again.
func retryIn(err error, usual time.Duration) time.Duration {
	var r *refusal
	if errors.As(err, &r) && r.retryMS > 0 {
		return min(time.Duration(r.retryMS)*time.Millisecond, time.Minute)
	}
	return usual
}
