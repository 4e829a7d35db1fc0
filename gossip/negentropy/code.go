package negentropy

import (
	"bytes"
	"errors"
	"fmt"
	"math"
)

// ErrMessage: a message that breaks the protocol.
var ErrMessage = errors.New("negentropy: bad message")

const (
	version        = 0x61 // protocol version 1
	fingerprintLen = 16
	infinity       = math.MaxInt64
)

// The modes of a range.
const (
	modeSkip        = 0
	modeFingerprint = 1
	modeIDs         = 2
)

// bound parts items: those below it belong to the range that it ends. Its id
// is a prefix, as short as tells two neighbours apart; the rest counts as zero.
type bound struct {
	at     int64
	prefix [32]byte
	len    int
}

var endless = bound{at: infinity}

// above tells whether it lies beyond an item.
func (b bound) above(it Item) bool {
	return it.At < b.at || it.At == b.at && bytes.Compare(it.ID[:], b.prefix[:]) < 0
}

// before tells whether it lies before another bound.
func (b bound) before(o bound) bool {
	return b.at < o.at || b.at == o.at && bytes.Compare(b.prefix[:], o.prefix[:]) < 0
}

// between is the shortest bound above prev and not above next.
func between(prev, next Item) bound {
	b := bound{at: next.At}
	if prev.At != next.At {
		return b
	}
	for b.len < 32 && prev.ID[b.len] == next.ID[b.len] {
		b.len++
	}
	b.len = min(b.len+1, 32)
	copy(b.prefix[:b.len], next.ID[:])
	return b
}

func at(it Item) bound { return bound{at: it.At, prefix: it.ID, len: 32} }

// appendVarint writes seven bits a byte, the highest first, all bytes but the
// last with the top bit set.
func appendVarint(b []byte, n uint64) []byte {
	var digits [10]byte
	i := len(digits) - 1
	digits[i] = byte(n & 0x7f)
	for n >>= 7; n > 0; n >>= 7 {
		i--
		digits[i] = byte(n&0x7f) | 0x80
	}
	return append(b, digits[i:]...)
}

// writer makes one message; dates are written as differences.
type writer struct {
	buf  []byte
	last int64
}

func newWriter() *writer { return &writer{buf: []byte{version}} }

func (w *writer) bound(b bound) {
	if b.at == infinity {
		w.last = infinity
		w.buf = append(w.buf, 0)
	} else {
		w.buf = appendVarint(w.buf, uint64(b.at-w.last)+1)
		w.last = b.at
	}
	w.buf = appendVarint(w.buf, uint64(b.len))
	w.buf = append(w.buf, b.prefix[:b.len]...)
}

func (w *writer) skip(b bound) {
	w.bound(b)
	w.buf = append(w.buf, modeSkip)
}

func (w *writer) fingerprint(b bound, f [fingerprintLen]byte) {
	w.bound(b)
	w.buf = append(append(w.buf, modeFingerprint), f[:]...)
}

func (w *writer) ids(b bound, items []Item) {
	w.bound(b)
	w.buf = appendVarint(append(w.buf, modeIDs), uint64(len(items)))
	for _, it := range items {
		w.buf = append(w.buf, it.ID[:]...)
	}
}

// reader reads one message of a stranger.
type reader struct {
	buf  []byte
	last int64
}

func (r *reader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.buf)) {
		return nil, fmt.Errorf("%w: %d bytes are missing", ErrMessage, n-uint64(len(r.buf)))
	}
	out := r.buf[:n]
	r.buf = r.buf[n:]
	return out, nil
}

func (r *reader) varint() (uint64, error) {
	var n uint64
	for i := 0; ; i++ {
		if i == len(r.buf) {
			return 0, fmt.Errorf("%w: it ends within a number", ErrMessage)
		}
		if n > math.MaxUint64>>7 {
			return 0, fmt.Errorf("%w: number too large", ErrMessage)
		}
		n = n<<7 | uint64(r.buf[i]&0x7f)
		if r.buf[i]&0x80 == 0 {
			r.buf = r.buf[i+1:]
			return n, nil
		}
	}
}

func (r *reader) bound() (bound, error) {
	delta, err := r.varint()
	if err != nil {
		return bound{}, err
	}
	b := endless
	if delta > 0 {
		if delta-1 > uint64(infinity-r.last) {
			return bound{}, fmt.Errorf("%w: date too large", ErrMessage)
		}
		b.at = r.last + int64(delta-1)
	}
	r.last = b.at
	n, err := r.varint()
	if err != nil {
		return bound{}, err
	}
	if n > 32 {
		return bound{}, fmt.Errorf("%w: a prefix of %d bytes", ErrMessage, n)
	}
	p, err := r.take(n)
	b.len = copy(b.prefix[:], p)
	return b, err
}

// ids reads a list; the memory it takes is that of the message.
func (r *reader) ids() ([][32]byte, error) {
	n, err := r.varint()
	if err != nil {
		return nil, err
	}
	if n > uint64(len(r.buf))/32 {
		return nil, fmt.Errorf("%w: %d ids in %d bytes", ErrMessage, n, len(r.buf))
	}
	out := make([][32]byte, n)
	for i := range out {
		p, err := r.take(32)
		if err != nil {
			return nil, err
		}
		out[i] = [32]byte(p)
	}
	return out, nil
}
