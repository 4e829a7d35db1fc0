package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// valueType is GGUF's type of a metadata value.
type valueType uint32

const (
	typeUint8 valueType = iota
	typeInt8
	typeUint16
	typeInt16
	typeUint32
	typeInt32
	typeFloat32
	typeBool
	typeString
	typeArray
	typeUint64
	typeInt64
	typeFloat64
)

// width is the size of a scalar in bytes, 0 for all else.
func (t valueType) width() int {
	switch t {
	case typeUint8, typeInt8, typeBool:
		return 1
	case typeUint16, typeInt16:
		return 2
	case typeUint32, typeInt32, typeFloat32:
		return 4
	case typeUint64, typeInt64, typeFloat64:
		return 8
	case typeString, typeArray:
	}
	return 0
}

// decoder reads little-endian values. It keeps the first error and reads
// zeros after it.
type decoder struct {
	r   *bufio.Reader
	lim Limits
	at  int64 // bytes read
	err error
	buf [8]byte
}

func newDecoder(r io.Reader, lim Limits) *decoder {
	return &decoder{r: bufio.NewReaderSize(r, 64<<10), lim: lim.filled()}
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// take books n bytes against the limit and tells whether to go on.
func (d *decoder) take(n uint64) bool {
	if d.err != nil {
		return false
	}
	if n > uint64(d.lim.Bytes-d.at) {
		d.fail(fmt.Errorf("%w: more than %d bytes", ErrLimit, d.lim.Bytes))
		return false
	}
	d.at += int64(n)
	return true
}

func (d *decoder) readFull(b []byte) {
	if _, err := io.ReadFull(d.r, b); err != nil {
		d.cut(err)
	}
}

// cut tells an end that came too early from a failing reader.
func (d *decoder) cut(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = ErrTruncated
	}
	d.fail(err)
}

// uint reads an unsigned number of n bytes, 8 at most.
func (d *decoder) uint(n int) uint64 {
	if !d.take(uint64(n)) {
		return 0
	}
	d.buf = [8]byte{}
	d.readFull(d.buf[:n])
	if d.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(d.buf[:])
}

// text reads a string of at most max bytes.
func (d *decoder) text(max uint64) string {
	n := d.uint(8)
	if d.err == nil && n > max {
		d.fail(fmt.Errorf("%w: a string of %d bytes", ErrLimit, n))
	}
	if !d.take(n) {
		return ""
	}
	// A length is a claim until the bytes are there: grow as they come.
	var b []byte
	for uint64(len(b)) < n && d.err == nil {
		more := min(n-uint64(len(b)), 64<<10)
		b = append(b, make([]byte, more)...)
		d.readFull(b[uint64(len(b))-more:])
	}
	if d.err != nil {
		return ""
	}
	return string(b)
}

func (d *decoder) discard(n uint64) {
	if !d.take(n) {
		return
	}
	if _, err := io.CopyN(io.Discard, d.r, int64(n)); err != nil {
		d.cut(err)
	}
}

// whole reads any kind of integer; others and negative ones are a fault.
func (d *decoder) whole(t valueType) uint64 {
	switch t {
	case typeUint8, typeUint16, typeUint32, typeUint64:
		return d.uint(t.width())
	case typeInt8, typeInt16, typeInt32, typeInt64:
		v := d.uint(t.width())
		if v>>(8*t.width()-1) != 0 {
			d.fail(fmt.Errorf("%w: a negative number", ErrMalformed))
		}
		return v
	case typeFloat32, typeFloat64, typeBool, typeString, typeArray:
	}
	d.fail(fmt.Errorf("%w: type %d where a whole number belongs", ErrMalformed, t))
	return 0
}

func (d *decoder) float32() float32 { return math.Float32frombits(uint32(d.uint(4))) }

// array reads the head of an array. Each item takes a byte at least, so that
// no count can outrun the limit on bytes.
func (d *decoder) array() (valueType, uint64) {
	t, n := valueType(d.uint(4)), d.uint(8)
	if d.err == nil && n > d.lim.Items {
		d.fail(fmt.Errorf("%w: an array of %d items", ErrLimit, n))
	}
	if d.err != nil {
		return 0, 0
	}
	return t, n
}

// skip passes over a value.
func (d *decoder) skip(t valueType, depth int) {
	switch w := t.width(); {
	case d.err != nil:
	case w > 0:
		d.discard(uint64(w))
	case t == typeString:
		d.discard(d.uint(8))
	case t == typeArray && depth < d.lim.Depth:
		inner, n := d.array()
		if w := inner.width(); w > 0 {
			d.discard(n * uint64(w))
			return
		}
		for ; n > 0 && d.err == nil; n-- {
			d.skip(inner, depth+1)
		}
	case t == typeArray:
		d.fail(fmt.Errorf("%w: arrays nested deeper than %d", ErrLimit, d.lim.Depth))
	default:
		d.fail(fmt.Errorf("%w: a value of type %d", ErrMalformed, t))
	}
}
