package p2p

import (
	"bufio"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"infernet.tech/infernet/p2p/identity"
)

// readBuffer is per open stream; bulk readers bring buffers of their own.
const readBuffer = 4 << 10

// Stream is one byte stream to one peer. Reads are buffered, so that framed
// documents can be read from it (wire.ReadEvent(s.Reader)); writes are not.
// One goroutine may read while another writes.
type Stream struct {
	*bufio.Reader
	raw  *idleStream
	peer identity.PubKey
}

// idleStream moves the deadlines ahead at each read and write, until somebody
// sets one of his own.
type idleStream struct {
	network.Stream
	read, write atomic.Int64 // time.Duration; 0: the caller's deadline holds
}

func (s *idleStream) Read(p []byte) (int, error) {
	if d := time.Duration(s.read.Load()); d > 0 {
		if err := s.Stream.SetReadDeadline(time.Now().Add(d)); err != nil {
			return 0, err
		}
	}
	n, err := s.Stream.Read(p)
	return n, late(err)
}

// late gives what a deadline ends one name: TCP's streams have their own. A
// connection that timed out as a whole is another thing, and not for a while.
func late(err error) error {
	var end interface {
		error
		Timeout() bool
		Temporary() bool
	}
	if errors.As(err, &end) && end.Timeout() && end.Temporary() {
		return os.ErrDeadlineExceeded
	}
	return err
}

// writePiece lets a slow reader of a large buffer show progress.
const writePiece = 256 << 10

func (s *idleStream) Write(p []byte) (int, error) {
	done := 0
	for {
		if d := time.Duration(s.write.Load()); d > 0 {
			if err := s.Stream.SetWriteDeadline(time.Now().Add(d)); err != nil {
				return done, err
			}
		}
		n, err := s.Stream.Write(p[done:min(done+writePiece, len(p))])
		done += n
		if err != nil || done == len(p) {
			return done, late(err)
		}
	}
}

func newStream(raw network.Stream, peer identity.PubKey, idle time.Duration) *Stream {
	in := &idleStream{Stream: raw}
	s := &Stream{Reader: bufio.NewReaderSize(in, readBuffer), raw: in, peer: peer}
	s.SetIdle(idle)
	return s
}

// Peer returns the key that the connection is authenticated by.
func (s *Stream) Peer() identity.PubKey { return s.peer }

// Relayed reports whether the bytes pass a relay with limited time and volume.
func (s *Stream) Relayed() bool { return s.raw.Conn().Stat().Limited }

// Write sends p; it returns when p is in the transport's send buffer.
func (s *Stream) Write(p []byte) (int, error) { return s.raw.Write(p) }

// ReadFrom copies r to the stream until its end; io.Copy uses it.
func (s *Stream) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{s.raw}, r)
}

// SetIdle makes every read and every write fail with os.ErrDeadlineExceeded
// when it makes no progress for d. Zero turns that off.
func (s *Stream) SetIdle(d time.Duration) {
	s.raw.read.Store(int64(d))
	s.raw.write.Store(int64(d))
	if d == 0 {
		_ = s.raw.SetDeadline(time.Time{})
	}
}

// SetDeadline sets both deadlines; they replace what SetIdle set.
func (s *Stream) SetDeadline(t time.Time) error {
	s.raw.read.Store(0)
	s.raw.write.Store(0)
	return s.raw.SetDeadline(t)
}

// SetReadDeadline is SetDeadline for reads alone.
func (s *Stream) SetReadDeadline(t time.Time) error {
	s.raw.read.Store(0)
	return s.raw.SetReadDeadline(t)
}

// SetWriteDeadline is SetDeadline for writes alone.
func (s *Stream) SetWriteDeadline(t time.Time) error {
	s.raw.write.Store(0)
	return s.raw.SetWriteDeadline(t)
}

// CloseWrite tells the peer that nothing more comes (it reads io.EOF); reading
// goes on. It may fail although the answer is there to be read, when the peer
// answered without waiting for the end.
func (s *Stream) CloseWrite() error { return s.raw.CloseWrite() }

// Close ends both directions; what was written still arrives.
func (s *Stream) Close() error { return s.raw.Close() }

// Reset ends the stream at once; the peer's reads and writes fail.
func (s *Stream) Reset() error { return s.raw.Reset() }
