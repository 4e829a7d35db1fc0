package account

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Desk answers the pay streams of a node with several rails: it hands each
// document to the rail it names.
type Desk []*Rail

// ServeStream answers what peer sends over conn until it closes it, ctx ends or
// a document is for none of the rails or not its own to us, which is ErrNote. It
// closes conn. The caller has authenticated peer.
func (d Desk) ServeStream(ctx context.Context, peer identity.PubKey, conn Conn) error {
	defer conn.Close()
	if len(d) == 0 {
		return fmt.Errorf("%w: no rail", ErrNote)
	}
	in := bufio.NewReader(conn)
	for {
		err := d.serveOne(ctx, peer, conn, in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (d Desk) serveOne(ctx context.Context, peer identity.PubKey, conn Conn, in *bufio.Reader) error {
	done := bound(ctx, conn, d[0].cfg.Exchange)
	defer done()
	e, err := wire.ReadEvent(in)
	if err != nil {
		return err
	}
	// One rail for each unit and name, so the first that fits is the only one. One
	// that fits none is refused by the first.
	for _, r := range d {
		if r.named(e) {
			return r.serve(ctx, peer, conn, e)
		}
	}
	return d[0].serve(ctx, peer, conn, e)
}

// named reports whether a document is for this rail: a note by its unit,
// anything else by the rail's name.
func (r *Rail) named(e wire.Event) bool {
	if e.Kind == wire.KindCreditNote {
		unit, _ := e.Tag("unit")
		return unit == string(r.cfg.Unit)
	}
	rail, _ := e.Tag("rail")
	return rail == r.cfg.Name
}
