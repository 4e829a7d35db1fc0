package content

import (
	"context"
	"io"
	"sync/atomic"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
)

// Serve answers one stream of `/infernet/blob/1`: what was granted to the peer
// and what everybody may have. Errors: ErrNotGranted beside those of
// blob.Store.ServeStream and of Delivery.
func (l *Library) Serve(ctx context.Context, s *p2p.Stream) error { return l.serve(ctx, s.Peer(), s) }

func (l *Library) serve(ctx context.Context, peer identity.PubKey, s io.ReadWriter) error {
	m := newMetered(s)
	// The function that ends the account is known once the root is.
	end := func() {}
	defer func() { end() }()
	return l.blobs.ServeStream(ctx, m, func(root string) error {
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
		end = done
		m.become(rw)
		return nil
	})
}

// may tells whether a peer may have a blob, and whether everybody may.
func (l *Library) may(peer identity.PubKey, cid string) (granted, public bool) {
	// Both are looked up whatever the first says, and before anything is asked
	// of the store: the answer to who may not takes the same time either way.
	granted = l.grants.allows(cid, peer)
	public = l.Shared(cid)
	return granted, public || l.seeds(cid)
}

// metered is a stream that another takes the place of when it is known what it
// is for, while it is read from.
type metered struct{ now atomic.Pointer[io.ReadWriter] }

func newMetered(s io.ReadWriter) *metered {
	m := &metered{}
	m.become(s)
	return m
}

func (m *metered) become(rw io.ReadWriter) { m.now.Store(&rw) }

func (m *metered) Read(p []byte) (int, error)  { return (*m.now.Load()).Read(p) }
func (m *metered) Write(p []byte) (int, error) { return (*m.now.Load()).Write(p) }

// ReadFrom lets the stream beneath read from a file by itself, where it can.
func (m *metered) ReadFrom(r io.Reader) (int64, error) { return io.Copy(*m.now.Load(), r) }

// Close ends the stream beneath, where it can be ended.
func (m *metered) Close() error {
	if c, ok := (*m.now.Load()).(io.Closer); ok {
		return c.Close()
	}
	return nil
}
