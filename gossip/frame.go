package gossip

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The frames of a sync session: a byte of kind, two bytes of length (big
// endian), a body. A turn is some frames and frameEnd; then it is the other's.
const (
	frameRecon = 1 // a message of negentropy
	frameAsk   = 2 // ids of documents wanted, 32 bytes each
	frameOffer = 3 // documents the other lacks: 24 bytes each
	frameDoc   = 4 // a document
	frameWant  = 5 // which of the offers are wanted: a bit each, the lowest first
	frameEnd   = 6 // one byte: 1 when a limit left something unsaid, else 0
	frameBusy  = 7 // nothing; no session now
)

const (
	frameHead = 3
	maxBody   = MaxFrame - frameHead
	// slack is how far a peer's count of bytes may be behind.
	slack = 2 * MaxFrame
)

// talk is one side of a session: frames out and in, counted and bounded.
type talk struct {
	r              io.Reader
	w              *bufio.Writer
	limit          uint64 // of bytes, both ways
	sent, received uint64
	buf            []byte // of the frame read last
}

func newTalk(rw io.ReadWriter, limit uint64) *talk {
	return &talk{r: rw, w: bufio.NewWriterSize(rw, 32<<10), limit: limit}
}

// left is how many bytes may still be said.
func (t *talk) left() int {
	if used := t.sent + t.received; used < t.limit {
		return int(t.limit - used)
	}
	return 0
}

func (t *talk) send(kind byte, body []byte) error {
	head := [frameHead]byte{kind}
	binary.BigEndian.PutUint16(head[1:], uint16(len(body)))
	t.sent += uint64(frameHead + len(body))
	if _, err := t.w.Write(head[:]); err != nil {
		return err
	}
	_, err := t.w.Write(body)
	return err
}

// end gives the turn to the other.
func (t *talk) end(unsaid bool) error {
	var flag byte
	if unsaid {
		flag = 1
	}
	if err := t.send(frameEnd, []byte{flag}); err != nil {
		return err
	}
	return t.w.Flush()
}

// next reads a frame; the body holds until the next call. The error is io.EOF
// only before a frame.
func (t *talk) next() (kind byte, body []byte, err error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(t.r, head[:]); err != nil {
		return 0, nil, err
	}
	n := int(binary.BigEndian.Uint16(head[1:]))
	t.received += uint64(frameHead + n)
	if n > maxBody || head[0] == frameDoc && n > MaxDocument {
		return 0, nil, fmt.Errorf("%w: a frame of %d bytes", ErrProtocol, n)
	}
	if t.sent+t.received > t.limit+slack {
		return 0, nil, fmt.Errorf("%w: more than %d bytes", ErrProtocol, t.limit)
	}
	if cap(t.buf) < n {
		t.buf = make([]byte, n)
	}
	t.buf = t.buf[:n]
	if _, err := io.ReadFull(t.r, t.buf); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return head[0], t.buf, nil
}

// turn reads frames until the other's turn ends and hands each to f.
func (t *talk) turn(f func(kind byte, body []byte) error) (unsaid bool, err error) {
	for frames := 0; ; frames++ {
		kind, body, err := t.next()
		switch {
		case err != nil:
			return false, err
		case kind == frameBusy:
			return false, ErrBusy
		case kind == frameEnd && len(body) == 1 && body[0] <= 1:
			return body[0] == 1, nil
		case frames >= maxFrames:
			return false, fmt.Errorf("%w: more than %d frames in a turn", ErrProtocol, maxFrames)
		}
		if err := f(kind, body); err != nil {
			return false, err
		}
	}
}

// maxFrames of a turn: more than the smallest documents of a session.
const maxFrames = 16 << 10

func unexpected(kind byte) error { return fmt.Errorf("%w: frame %d out of place", ErrProtocol, kind) }
