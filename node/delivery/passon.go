package delivery

import (
	"errors"
	"io"
	"time"
)

// What streams of peers can do beside reading and writing is passed on.

// Close closes the stream, where it can be closed; a Write that waits returns.
func (o *outflow) Close() error {
	o.shut()
	return closeOf(o.rw)
}

// Reset ends the stream at once, where it can be; a Write that waits returns.
func (o *outflow) Reset() error {
	o.shut()
	return resetOf(o.rw)
}

// SetDeadline sets the stream's deadlines, where it has some.
func (o *outflow) SetDeadline(t time.Time) error { return deadlineOf(o.rw, t) }

// SetReadDeadline is SetDeadline for reads alone.
func (o *outflow) SetReadDeadline(t time.Time) error { return readDeadlineOf(o.rw, t) }

// SetWriteDeadline is SetDeadline for writes alone.
func (o *outflow) SetWriteDeadline(t time.Time) error { return writeDeadlineOf(o.rw, t) }

// CloseWrite tells the peer that nothing more comes, where the stream can.
func (o *outflow) CloseWrite() error { return closeWriteOf(o.rw) }

func closeOf(s any) error {
	if c, ok := s.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func closeWriteOf(s any) error {
	if c, ok := s.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

func resetOf(s any) error {
	switch r := s.(type) {
	case interface{ Reset() error }:
		return r.Reset()
	case interface{ Reset() }:
		r.Reset()
		return nil
	}
	return closeOf(s)
}

func deadlineOf(s any, t time.Time) error {
	if d, ok := s.(interface{ SetDeadline(time.Time) error }); ok {
		return d.SetDeadline(t)
	}
	return errors.ErrUnsupported
}

func readDeadlineOf(s any, t time.Time) error {
	if d, ok := s.(interface{ SetReadDeadline(time.Time) error }); ok {
		return d.SetReadDeadline(t)
	}
	return errors.ErrUnsupported
}

func writeDeadlineOf(s any, t time.Time) error {
	if d, ok := s.(interface{ SetWriteDeadline(time.Time) error }); ok {
		return d.SetWriteDeadline(t)
	}
	return errors.ErrUnsupported
}
