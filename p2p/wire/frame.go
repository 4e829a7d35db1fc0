package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"infernet.tech/infernet/p2p/identity"
)

// Reader is what frames are read from; *bufio.Reader is one.
type Reader interface {
	io.Reader
	io.ByteReader
}

// WriteEvent writes one frame: the length as a minimal uvarint, then the
// event's JSON, in a single Write.
func WriteEvent(w io.Writer, e Event) error { return WriteBytes(w, e.Bytes()) }

// WriteBytes is WriteEvent of what Event.Bytes returned before, such as an
// answer that was kept. It looks at nothing but the length: whoever kept the
// bytes has verified them once.
func WriteBytes(w io.Writer, body []byte) error {
	if len(body) > MaxEvent {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooBig, len(body), MaxEvent)
	}
	frame := binary.AppendUvarint(make([]byte, 0, len(body)+4), uint64(len(body)))
	_, err := w.Write(append(frame, body...))
	return err
}

// ReadEvent reads one frame and returns its event, verified as Parse does. No
// memory is taken for a length over MaxEvent. The error is io.EOF only when
// the stream ends before a frame begins, io.ErrUnexpectedEOF when it ends in
// one, ErrFrame for a malformed length, ErrTooBig for one over the limit, and
// otherwise what Parse or r returns. After an error the stream is of no use.
func ReadEvent(r Reader) (Event, error) {
	body, err := readBody(r)
	if err != nil {
		return Event{}, err
	}
	return Parse(body)
}

// ReadAnswer reads one frame as ReadEvent does, from a stream whose other end has
// proven to be peer. Only a Progress that names peer as its author is taken on the
// stream's word: it says that work goes on, is no evidence of anything, and there
// are many of them. Its id and signature are not looked at; see Say.
func ReadAnswer(r Reader, peer identity.PubKey) (Event, error) {
	body, err := readBody(r)
	if err != nil {
		return Event{}, err
	}
	p := parser{buf: body}
	e, err := p.unverified()
	if err == nil {
		err = p.end()
	}
	switch {
	case err != nil:
	case e.Kind == KindProgress && e.PubKey == peer:
		err = e.checkLimits()
	default:
		err = e.Verify()
	}
	if err != nil {
		return Event{}, err
	}
	return e, nil
}

// PeekEvent reads one frame as ReadEvent does but verifies neither id nor
// signature, and returns the frame's bytes too, to be read again: for those who
// only pass a stream on to where its first document belongs.
func PeekEvent(r Reader) (e Event, frame []byte, err error) {
	body, err := readBody(r)
	if err != nil {
		return Event{}, nil, err
	}
	p := parser{buf: body}
	if e, err = p.unverified(); err == nil {
		err = p.end()
	}
	return e, append(binary.AppendUvarint(nil, uint64(len(body))), body...), err
}

func readBody(r Reader) ([]byte, error) {
	n, err := readLength(r)
	if err != nil {
		return nil, err
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, noEOF(err)
	}
	return body, nil
}

// readLength reads a uvarint of at most three bytes, which hold eight times
// MaxEvent; a longer one is too big whatever follows, and is not waited for.
func readLength(r Reader) (int, error) {
	n := 0
	for i := 0; i < 3; i++ {
		b, err := r.ReadByte()
		if err != nil {
			if i > 0 {
				err = noEOF(err)
			}
			return 0, err
		}
		n |= int(b&0x7f) << (7 * i)
		if b&0x80 != 0 {
			continue
		}
		// A last byte of zero adds nothing: the number has a shorter form.
		if b == 0 {
			return 0, fmt.Errorf("%w: empty or not minimal", ErrFrame)
		}
		if n > MaxEvent {
			return 0, fmt.Errorf("%w: a frame of %d bytes, at most %d", ErrTooBig, n, MaxEvent)
		}
		return n, nil
	}
	return 0, fmt.Errorf("%w: a frame of more than %d bytes", ErrTooBig, MaxEvent)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
