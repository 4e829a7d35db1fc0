package blob

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
)

// The fetching side sends
//
//	hello: version (1 byte), root CID (36 bytes)
//	then any number of
//	want:  1 (1 byte), CID (36 bytes), blocks held already (uvarint)
//	and at last
//	done:  0 (1 byte)
//
// and the serving side answers the hello with a status byte and each want with
// a status byte, after statusOK followed by the blocks not held, each as its
// length plus one (uvarint) and its bytes. A length field of 0 says that the
// serving side cannot go on with this file.
//
// A want names the root or an entry of a folder named by an earlier want of
// the same stream. A want for a folder is answered with the one node of that
// folder, or nothing when it says that it holds one block. What a file's next
// block is, and so where its blocks end, follows from the blocks before.
const (
	wireVersion = 1

	frameDone = 0
	frameWant = 1

	statusOK      = 0
	statusNotHave = 1
	statusRefused = 2
	statusBadWant = 3
)

// want is one request for a file or a folder node.
type want struct {
	cid  cid.Cid
	skip uint64
}

func appendHello(b []byte, root cid.Cid) []byte {
	return append(append(b, wireVersion), root.KeyString()...)
}

func readHello(r *bufio.Reader) (cid.Cid, error) {
	v, err := r.ReadByte()
	if err != nil {
		return cid.Undef, cut(err)
	}
	if v != wireVersion {
		return cid.Undef, fmt.Errorf("%w: version %d", ErrProtocol, v)
	}
	return readCID(r)
}

func appendWant(b []byte, w want) []byte {
	b = append(append(b, frameWant), w.cid.KeyString()...)
	return binary.AppendUvarint(b, w.skip)
}

// readWant returns io.EOF when the peer is done.
func readWant(r *bufio.Reader) (w want, err error) {
	kind, err := r.ReadByte()
	switch {
	case errors.Is(err, io.EOF) || (err == nil && kind == frameDone):
		return w, io.EOF
	case err != nil:
		return w, cut(err)
	case kind != frameWant:
		return w, fmt.Errorf("%w: frame %d", ErrProtocol, kind)
	}
	if w.cid, err = readCID(r); err != nil {
		return w, err
	}
	if w.skip, err = binary.ReadUvarint(r); err != nil {
		return w, cut(err)
	}
	return w, nil
}

func readCID(r *bufio.Reader) (cid.Cid, error) {
	var b [cidLen]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return cid.Undef, cut(err)
	}
	c, err := castCID(b[:])
	if err != nil {
		return c, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return c, nil
}

func readStatus(r *bufio.Reader) error {
	b, err := r.ReadByte()
	if err != nil {
		return cut(err)
	}
	switch b {
	case statusOK:
		return nil
	case statusNotHave:
		return ErrNotHave
	case statusRefused:
		return ErrRefused
	}
	return fmt.Errorf("%w: status %d", ErrProtocol, b)
}

// readLength reads the length of the next block and holds it to what the
// caller can accept before anything is allocated.
func readLength(r *bufio.Reader, least, most uint64) (int, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return 0, cut(err)
	}
	if n == 0 {
		return 0, ErrNotHave
	}
	if n-1 < least || n-1 > most {
		return 0, fmt.Errorf("%w: %d bytes where %d to %d were due", ErrBadBlock, n-1, least, most)
	}
	return int(n - 1), nil
}

// cut marks what goes wrong with the stream itself.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", ErrCut, err)
}
