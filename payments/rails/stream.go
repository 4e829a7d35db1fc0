package rails

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// firstWithin is how long a peer may take to send the first document of a
// stream it opened.
const firstWithin = 20 * time.Second

// ServeStream reads the first document that peer sends over conn and has the
// rail it is for answer it and all that follow. It closes conn. It returns
// payments.ErrUnit for a document of no rail of this node.
func (s *Set) ServeStream(ctx context.Context, peer identity.PubKey, conn io.ReadWriteCloser) error {
	d, bounded := conn.(interface{ SetReadDeadline(time.Time) error })
	if bounded {
		if err := d.SetReadDeadline(time.Now().Add(firstWithin)); err != nil {
			conn.Close()
			return err
		}
	}
	in := bufio.NewReader(conn)
	first, frame, err := wire.PeekEvent(in)
	if err != nil {
		conn.Close()
		return err
	}
	r, err := s.rail(first)
	if err != nil {
		conn.Close()
		return err
	}
	if bounded {
		if err := d.SetReadDeadline(time.Time{}); err != nil {
			conn.Close()
			return err
		}
	}
	return r.ServeStream(ctx, peer, &reread{ReadWriteCloser: conn, in: io.MultiReader(bytes.NewReader(frame), in)})
}

// rail returns the rail that a document says it is for: by name, or, as notes
// do, by their unit. Who lies here is refused by the rail it came to.
func (s *Set) rail(e wire.Event) (Rail, error) {
	name, named := e.Tag("rail")
	if !named {
		unit, _ := e.Tag("unit")
		return s.of(payments.Unit(unit))
	}
	if r, ok := s.Named(name); ok {
		return r, nil
	}
	return nil, fmt.Errorf("no rail %.32q here: %w", name, payments.ErrUnit)
}

// reread is a conn whose first document is read a second time.
type reread struct {
	io.ReadWriteCloser
	in io.Reader
}

// Read reads the first document, then what conn goes on with.
func (r *reread) Read(b []byte) (int, error) { return r.in.Read(b) }

// SetDeadline bounds the conn, where it can be.
func (r *reread) SetDeadline(t time.Time) error {
	if c, ok := r.ReadWriteCloser.(interface{ SetDeadline(time.Time) error }); ok {
		return c.SetDeadline(t)
	}
	return nil
}

// Reset ends the conn without waiting for what was written.
func (r *reread) Reset() error {
	if c, ok := r.ReadWriteCloser.(interface{ Reset() error }); ok {
		return c.Reset()
	}
	return r.Close()
}
