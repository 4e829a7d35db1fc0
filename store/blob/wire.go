package blob

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/ipfs/go-cid"
)

// This is version 2 of /infernet/blob/1. Numbers are unsigned varints of at
// most 64 bits, CIDs have 36 bytes. The fetching side sends
//
//	hello:  version (1 byte), root CID, window (number)
//
// and then any number of frames, each begun by one byte:
//
//	0 done
//	1 ask:    CID, from, to, levels, flags (numbers)
//	2 credit: bytes (number)
//	3 trim:   question, to (numbers)
//	4 have:   CID
//
// Asks and haves are questions. They are numbered from 0 in the order in which
// they are sent, and answered in that order.
//
// The serving side answers the hello with a status byte, after statusPart
// followed by a map, and then each question:
//
//   - an ask with a status byte and, after statusOK, with blocks, each as its
//     length plus one (number) and its bytes; a length field of 0 ends the
//     answer and is followed by one byte, endAll or endShort;
//   - a have with a status byte: statusOK for content that is here whole,
//     statusPart followed by a map, statusNotHave.
//
// A map tells which payload bytes of a file are here: the number of its spans,
// then for each the bytes missing before it and the bytes in it. Of a folder
// that is here in part it is empty. It may tell less than there is.
//
// The blocks of an answer are those of the depth-first pre-order walk of the
// CID's DAG whose payload overlaps the bytes from <= x < to; the first block of
// the walk always does. Left out are leaves when flagNodes is set, and nodes on
// the first levels levels, the root being on level 0. The blocks of a folder
// are its nodes, whatever the range; its entries are asked for by their own
// CIDs. An ask names the root, or an entry of a folder answered before on the
// same stream.
//
// A trim says that an answer need not go beyond payload byte to; the serving
// side ends it there with endAll, or where it already is. endShort says that
// the next block is not here, or no longer.
//
// Every byte that the serving side sends, the answer to the hello included, is
// paid from the window of the hello and the credits after it; with nothing
// left it waits. So the memory that is needed between the two is bounded
// whatever their speeds, and a fetching side may grant less when it has more
// streams. What is looked through for a question and not sent is free up to
// idleBytes; a peer that wants much more of that than of bytes is dropped.
const (
	wireVersion = 2

	frameDone   = 0
	frameAsk    = 1
	frameCredit = 2
	frameTrim   = 3
	frameHave   = 4

	statusOK      = 0
	statusNotHave = 1
	statusRefused = 2
	statusBadAsk  = 3
	statusPart    = 4

	endAll   = 0
	endShort = 1

	flagNodes = 1

	// allLevels leaves out every interior node.
	allLevels = maxFileDepth + 1
	// wholeRange is past the end of every file.
	wholeRange = math.MaxInt64
	// maxCredit bounds what may be granted and not used.
	maxCredit = math.MaxInt64
	// maxQuestions is how many questions may wait for their answers.
	maxQuestions = 1024
	// maxSpans bounds a map.
	maxSpans = 4096
)

// question is an ask or a have.
type question struct {
	cid      cid.Cid
	from, to uint64
	levels   uint64
	nodes    bool // no leaves
	have     bool // not an ask but a have
}

func appendHello(b []byte, root cid.Cid, window uint64) []byte {
	return binary.AppendUvarint(append(append(b, wireVersion), root.KeyString()...), window)
}

func readHello(r *bufio.Reader) (root cid.Cid, window uint64, err error) {
	v, err := r.ReadByte()
	if err != nil {
		return cid.Undef, 0, cut(err)
	}
	if v != wireVersion {
		return cid.Undef, 0, fmt.Errorf("%w: version %d", ErrProtocol, v)
	}
	if root, err = readCID(r); err != nil {
		return root, 0, err
	}
	window, err = readNumber(r)
	if err == nil && window > maxCredit {
		err = fmt.Errorf("%w: window of %d bytes", ErrProtocol, window)
	}
	return root, window, err
}

func appendQuestion(b []byte, q question) []byte {
	if q.have {
		return append(append(b, frameHave), q.cid.KeyString()...)
	}
	b = append(append(b, frameAsk), q.cid.KeyString()...)
	flags := uint64(0)
	if q.nodes {
		flags = flagNodes
	}
	for _, x := range []uint64{q.from, q.to, q.levels, flags} {
		b = binary.AppendUvarint(b, x)
	}
	return b
}

func appendCredit(b []byte, bytes uint64) []byte {
	return binary.AppendUvarint(append(b, frameCredit), bytes)
}

func appendTrim(b []byte, question, to uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(append(b, frameTrim), question), to)
}

// frame is what the fetching side sends after its hello.
type frame struct {
	kind byte
	q    question // of an ask or a have
	a, b uint64   // of a credit and a trim, in the order of the wire
}

// readFrame returns io.EOF when the peer is done.
func readFrame(r *bufio.Reader) (f frame, err error) {
	f.kind, err = r.ReadByte()
	switch {
	case errors.Is(err, io.EOF) || (err == nil && f.kind == frameDone):
		return f, io.EOF
	case err != nil:
		return f, cut(err)
	}
	switch f.kind {
	case frameAsk:
		f.q, err = readAsk(r)
	case frameCredit:
		f.a, err = readNumber(r)
	case frameTrim:
		if f.a, err = readNumber(r); err == nil {
			f.b, err = readNumber(r)
		}
	case frameHave:
		f.q.have = true
		f.q.cid, err = readCID(r)
	default:
		err = fmt.Errorf("%w: frame %d", ErrProtocol, f.kind)
	}
	return f, err
}

func readAsk(r *bufio.Reader) (q question, err error) {
	if q.cid, err = readCID(r); err != nil {
		return q, err
	}
	var flags uint64
	for _, x := range []*uint64{&q.from, &q.to, &q.levels, &flags} {
		if *x, err = readNumber(r); err != nil {
			return q, err
		}
	}
	if q.from > q.to || flags&^flagNodes != 0 {
		return q, fmt.Errorf("%w: ask of bytes %d to %d with flags %d", ErrProtocol, q.from, q.to, flags)
	}
	q.nodes = flags&flagNodes != 0
	return q, nil
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

func readNumber(r *bufio.Reader) (uint64, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return 0, cut(err)
	}
	return n, nil
}

// readStatus reads the byte that begins an answer; part says that the content
// is there in part and that a map follows.
func readStatus(r *bufio.Reader) (part bool, err error) {
	b, err := r.ReadByte()
	if err != nil {
		return false, cut(err)
	}
	switch b {
	case statusOK:
		return false, nil
	case statusPart:
		return true, nil
	case statusNotHave:
		return false, ErrNotHave
	case statusRefused:
		return false, ErrRefused
	}
	return false, fmt.Errorf("%w: status %d", ErrProtocol, b)
}

// readLength reads the length of the next block and holds it to what the
// caller can accept before anything is allocated. Its error is io.EOF at the
// end of the answer, ErrNotHave when that is a short one.
func readLength(r *bufio.Reader, least, most uint64) (int, error) {
	n, err := readNumber(r)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, readEnd(r)
	}
	if n-1 < least || n-1 > most {
		return 0, fmt.Errorf("%w: %d bytes where %d to %d were due", ErrBadBlock, n-1, least, most)
	}
	return int(n - 1), nil
}

func readEnd(r *bufio.Reader) error {
	switch b, err := r.ReadByte(); {
	case err != nil:
		return cut(err)
	case b == endAll:
		return io.EOF
	case b == endShort:
		return ErrNotHave
	default:
		return fmt.Errorf("%w: end %d", ErrProtocol, b)
	}
}

// cut marks what goes wrong with the stream itself.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", ErrCut, err)
}
