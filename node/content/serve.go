package content

import (
	"context"
	"errors"
	"io"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store/blob"
)

// Serve answers one stream of `/infernet/blob/1`: what was granted to the peer
// and what everybody may have. Errors: ErrNotGranted beside those of
// blob.Store.ServeStream and of Delivery.
func (l *Library) Serve(ctx context.Context, s *p2p.Stream) error { return l.serve(ctx, s.Peer(), s) }

func (l *Library) serve(ctx context.Context, peer identity.PubKey, s io.ReadWriter) error {
	m := &metered{ReadWriter: s}
	// The function that ends the account is known once the root is.
	end := func() {}
	defer func() { end() }()
	err := l.blobs.ServeStream(ctx, m, func(root string) error {
		granted, public := l.may(peer, root)
		if !granted && !public {
			return ErrNotGranted
		}
		if l.net.Delivery == nil {
			return nil
		}
		rw, done, err := l.net.Delivery.Serve(ctx, peer, root, granted, s)
		if err != nil {
			return err
		}
		m.ReadWriter, end = rw, done
		return nil
	})
	return err
}

// metered is a stream whose reads and writes change hands when it is known
// what it is for.
type metered struct{ io.ReadWriter }

// Close ends the stream beneath, where it can be ended.
func (m *metered) Close() error {
	if c, ok := m.ReadWriter.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Points for what no honest peer does; see p2p.Host.Penalise.
const (
	pointsLie      = 50 // bytes that are not those of the CID: no accident does that
	pointsProtocol = 20
)

// blame is told of each source that failed.
func (l *Library) blame(source string, err error) {
	peer, perr := identity.ParsePubKey(source)
	if perr != nil || l.net.Penalise == nil {
		return
	}
	switch {
	case errors.Is(err, blob.ErrBadBlock):
		l.net.Penalise(peer, pointsLie, "content that is not what it should be")
	case errors.Is(err, blob.ErrProtocol):
		l.net.Penalise(peer, pointsProtocol, "malformed content stream")
	}
}
