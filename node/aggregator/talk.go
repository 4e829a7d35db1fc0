package aggregator

import (
	"context"
	"errors"
	"fmt"
	"io"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// codeProtocol is the reason of attempts that fail because the provider's
// answers are not what the protocol allows.
const codeProtocol = "protocol"

// codeBusy is the reason of one who may be asked again later.
const codeBusy = "busy"

// errProtocol means that a peer answered something that is not an answer.
var errProtocol = errors.New("aggregator: unexpected answer")

// Refused is a provider's reason, in its own words: a stranger's text.
type Refused struct {
	Code    string
	Text    string
	RetryMS uint64
}

func (r *Refused) Error() string { return fmt.Sprintf("refused (%s): %q", r.Code, r.Text) }

// exchange sends documents and reads one answer.
func exchange(s *p2p.Stream, send ...wire.Event) (wire.Event, error) {
	for _, ev := range send {
		if err := wire.WriteEvent(s, ev); err != nil {
			return wire.Event{}, fmt.Errorf("send: %w", err)
		}
	}
	return readAnswer(s)
}

// readAnswer reads the next document of a peer: its own, or its reason as a
// *Refused.
func readAnswer(s *p2p.Stream) (wire.Event, error) {
	ev, err := wire.ReadAnswer(s.Reader, s.Peer())
	if err != nil {
		if Malformed(err) {
			err = fmt.Errorf("%w: %w", errProtocol, err)
		}
		return ev, fmt.Errorf("read: %w", err)
	}
	if ev.PubKey != s.Peer() {
		return ev, fmt.Errorf("%w: signed by another key", errProtocol)
	}
	if ev.Kind == wire.KindError {
		m, err := wire.Decode[wire.Error](ev)
		if err != nil {
			return ev, fmt.Errorf("%w: %w", errProtocol, err)
		}
		return ev, &Refused{Code: m.Code, Text: m.Text, RetryMS: m.RetryMS}
	}
	return ev, nil
}

// Malformed tells bytes that cannot be a document from a connection that
// broke: only the former are certainly the sender's fault.
func Malformed(err error) bool {
	for _, e := range []error{wire.ErrTooBig, wire.ErrSyntax, wire.ErrFrame, wire.ErrBadID, wire.ErrBadSignature, io.ErrUnexpectedEOF} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// open opens a control stream that ends with the context.
func (d *Driver) open(ctx context.Context, peer identity.PubKey) (s *p2p.Stream, done func(), err error) {
	s, err = d.Peers.Open(ctx, peer, p2p.ProtoJob)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	return s, func() { stop(); s.Close() }, nil
}
