package paymentstest

import (
	"bytes"
	"errors"
	"io"
	"net"

	"infernet.tech/infernet/payments/account"
)

// ErrConnRefused is what dialling meets under Refuses.
var ErrConnRefused = errors.New("connection refused")

// Pipe opens a conn from payer to payee under a fault, or under none. serve is
// given the payee's end, and answers it in a goroutine of its own; late is given
// how a message that is Late arrives.
func Pipe(f Fault, serve func(account.Conn), late func(arrive func())) (account.Conn, error) {
	open := func() account.Conn {
		near, far := net.Pipe()
		serve(far)
		return near
	}
	again := func(frame []byte) { deliver(open(), frame) }
	switch f {
	case Refuses:
		return nil, ErrConnRefused
	case LostRequest:
		return deaf{}, nil
	case Late:
		return deaf{heard: func(frame []byte) { late(func() { again(frame) }) }}, nil
	case LostReply:
		near, far := net.Pipe()
		serve(muted{far})
		return near, nil
	case Duplicate:
		return twice{open(), again}, nil
	}
	return open(), nil
}

// deliver hands a frame to the payee and throws the answer away.
func deliver(conn account.Conn, frame []byte) {
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
