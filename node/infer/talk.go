package infer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Host opens streams; *p2p.Host is one.
type Host interface {
	Open(ctx context.Context, p identity.PubKey, proto protocol.ID) (*p2p.Stream, error)
}

// Over returns the Peers that a libp2p host reaches.
func Over(h Host) Peers { return over{h} }

type over struct{ h Host }

func (o over) Dial(ctx context.Context, p identity.PubKey, proto protocol.ID) (net.Conn, error) {
	s, err := o.h.Open(ctx, p, proto)
	if err != nil {
		return nil, err
	}
	return p2p.Conn(s), nil
}

// talk is one exchange of documents with a peer.
type talk struct {
	net.Conn
	r    *bufio.Reader
	peer identity.PubKey
	stop func() bool
}

// talkTo opens a stream that ends with ctx.
func (r *Router) talkTo(ctx context.Context, p identity.PubKey, proto protocol.ID) (*talk, error) {
	c, err := r.d.Peers.Dial(ctx, p, proto)
	if err != nil {
		return nil, err
	}
	t := &talk{Conn: c, r: bufio.NewReader(c), peer: p}
	t.stop = context.AfterFunc(ctx, func() { _ = reset(c) })
	return t, nil
}

func (t *talk) end() {
	t.stop()
	_ = t.Close()
}

// reset ends both directions at once, so that what is on its way is not waited
// for.
func reset(c net.Conn) error {
	if r, ok := c.(interface{ Reset() error }); ok {
		return r.Reset()
	}
	return c.Close()
}

// ask says m and reads the answer: the peer's own document, or its reason as a
// *refused. What cannot be an answer is errProtocol.
func (r *Router) ask(t *talk, m wire.Message) (said, answer wire.Event, err error) {
	said, err = wire.Seal(r.d.Key, m, r.now())
	if err != nil {
		return said, answer, err
	}
	answer, err = r.say(t, said)
	return said, answer, err
}

func (r *Router) say(t *talk, ev wire.Event) (wire.Event, error) {
	if err := wire.WriteEvent(t, ev); err != nil {
		return wire.Event{}, fmt.Errorf("send: %w", err)
	}
	ans, err := wire.ReadEvent(t.r)
	if err != nil {
		if malformed(err) {
			r.penalise(t.peer, penaltyMalformed, "malformed answer")
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
		if err != nil {
			return ans, fmt.Errorf("%w: %w", errProtocol, err)
		}
		return ans, &refused{code: m.Code, text: m.Text, retryMS: m.RetryMS}
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

// Penalties for what no honest provider does; see p2p.Host.Penalise.
const (
	penaltyMalformed = 20
	penaltyOverclaim = 20
	penaltyGarbage   = 5
)

func (r *Router) penalise(p identity.PubKey, points int, reason string) {
	if r.d.Penalise != nil {
		r.d.Penalise(p, points, reason)
	}
}

// transient says that an error tells nothing about the peer's intentions.
func transient(err error) bool {
	var ref *refused
	if errors.As(err, &ref) {
		return ref.code == codeBusy || ref.code == codeUnpaid || ref.retryMS > 0
	}
	return !errors.Is(err, errProtocol) || errors.Is(err, io.EOF)
}

// retryIn is when a refused request may be made again.
func retryIn(err error, usual time.Duration) time.Duration {
	var ref *refused
	if errors.As(err, &ref) && ref.retryMS > 0 {
		return min(time.Duration(ref.retryMS)*time.Millisecond, time.Minute)
	}
	return usual
}
