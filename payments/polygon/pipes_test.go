package polygon

import (
	"bytes"
	"context"
	"io"
	"net"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/payments/paymentstest"
)

func (w *world) fault(f paymentstest.Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, f)
}

// dial opens a conn under the next fault; messages that are late arrive first.
func (w *world) dial(_ context.Context, from, to identity.PubKey) (account.Conn, error) {
	w.mu.Lock()
	late := w.late
	w.late = nil
	var f paymentstest.Fault
	if len(w.faults) > 0 {
		f, w.faults = w.faults[0], w.faults[1:]
	}
	peer := w.nodes[to]
	w.mu.Unlock()
	for _, arrive := range late {
		arrive()
	}
	if peer == nil || f == paymentstest.Refuses {
		return nil, errRefused
	}
	again := func(frame []byte) { w.deliver(from, peer, frame) }
	switch f {
	case paymentstest.LostRequest:
		return deaf{}, nil
	case paymentstest.Late:
		return deaf{heard: func(frame []byte) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.late = append(w.late, func() { again(frame) })
		}}, nil
	case paymentstest.LostReply:
		return w.pipe(from, peer, true), nil
	case paymentstest.Duplicate:
		return twice{w.pipe(from, peer, false), again}, nil
	}
	return w.pipe(from, peer, false), nil
}

func (w *world) pipe(from identity.PubKey, to *node, mute bool) account.Conn {
	near, far := net.Pipe()
	var conn account.Conn = far
	if mute {
		conn = muted{far}
	}
	w.served.Go(func() { _ = to.now().ServeStream(context.Background(), from, conn) })
	return near
}

// deliver hands a frame to the payee and throws the answer away.
func (w *world) deliver(from identity.PubKey, to *node, frame []byte) {
	conn := w.pipe(from, to, false)
	defer conn.Close()
	_, _ = conn.Write(frame)
	_, _ = conn.Read(make([]byte, 1))
}

// deaf takes a message and is gone.
type deaf struct{ heard func([]byte) }

func (d deaf) Write(p []byte) (int, error) {
	if d.heard != nil {
		d.heard(bytes.Clone(p))
	}
	return len(p), nil
}
func (deaf) Read([]byte) (int, error) { return 0, io.EOF }
func (deaf) Close() error             { return nil }

// muted is the payee's end of a conn on which no answer gets through.
type muted struct{ net.Conn }

func (m muted) Write(p []byte) (int, error) { return len(p), m.Conn.Close() }

// twice delivers what is written a second time, first.
type twice struct {
	account.Conn
	again func([]byte)
}

func (t twice) Write(p []byte) (int, error) {
	t.again(bytes.Clone(p))
	return t.Conn.Write(p)
}
