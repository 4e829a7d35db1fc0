package compare

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math"
)

// element is a type of numbers as tensors hold them.
type element struct {
	size  int64 // bytes
	whole bool
	width width
	big   bool // most significant byte first
	value func(bits uint64) float64
}

func signed(size int64) element {
	shift := 64 - 8*size
	return element{size: size, whole: true, value: func(v uint64) float64 { return float64(int64(v<<shift) >> shift) }}
}

func unsigned(size int64) element {
	return element{size: size, whole: true, value: func(v uint64) float64 { return float64(v) }}
}

func floating(size int64, w width, value func(uint64) float64) element {
	return element{size: size, width: w, value: value}
}

func float16(v uint64) float64 {
	sign, exp, frac := 1.0, int(v>>10&31), float64(v&1023)
	if v&0x8000 != 0 {
		sign = -1
	}
	switch {
	case exp == 31 && frac != 0:
		return math.NaN()
	case exp == 31:
		return sign * math.Inf(1)
	case exp == 0:
		return sign * math.Ldexp(frac, -24)
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}

func bfloat16(v uint64) float64 { return float64(math.Float32frombits(uint32(v) << 16)) }

func float32Of(v uint64) float64 { return float64(math.Float32frombits(uint32(v))) }

// elements are the types by the names that safetensors gives them.
func elements(name string) (element, bool) {
	switch name {
	case "F64":
		return floating(8, wide, math.Float64frombits), true
	case "F32":
		return floating(4, wide, float32Of), true
	case "F16":
		return floating(2, half, float16), true
	case "BF16":
		return floating(2, half, bfloat16), true
	case "I64":
		return signed(8), true
	case "I32":
		return signed(4), true
	case "I16":
		return signed(2), true
	case "I8":
		return signed(1), true
	case "U64":
		return unsigned(8), true
	case "U32":
		return unsigned(4), true
	case "U16":
		return unsigned(2), true
	case "U8", "BOOL":
		return unsigned(1), true
	}
	return element{}, false
}

// bits reads one element.
func (e element) bits(raw []byte) uint64 {
	switch {
	case e.size == 1:
		return uint64(raw[0])
	case e.size == 2 && e.big:
		return uint64(binary.BigEndian.Uint16(raw))
	case e.size == 2:
		return uint64(binary.LittleEndian.Uint16(raw))
	case e.size == 4 && e.big:
		return uint64(binary.BigEndian.Uint32(raw))
	case e.size == 4:
		return uint64(binary.LittleEndian.Uint32(raw))
	case e.big:
		return binary.BigEndian.Uint64(raw)
	}
	return binary.LittleEndian.Uint64(raw)
}

// tensors hands count elements of two streams to a sink, in rows of row elements
// each.
func tensors(ctx context.Context, a, b io.Reader, e element, count, row int64, to sink) error {
	if count > 0 && row < 1 {
		row = count
	}
	per := int64(64<<10) / e.size
	ba, bb := make([]byte, per*e.size), make([]byte, per*e.size)
	col := int64(0)
	for done := int64(0); done < count; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(per, count-done)
		_, ea := io.ReadFull(a, ba[:n*e.size])
		_, eb := io.ReadFull(b, bb[:n*e.size])
		if err := readable(short(ea), short(eb)); err != nil {
			return err
		}
		for i := int64(0); i < n; i++ {
			if col == 0 {
				to.open()
			}
			e.pair(ba[i*e.size:(i+1)*e.size], bb[i*e.size:(i+1)*e.size], to)
			if col++; col == row {
				to.close()
				col = 0
			}
		}
		done += n
	}
	return nil
}

func (e element) pair(a, b []byte, to sink) {
	x, y := e.value(e.bits(a)), e.value(e.bits(b))
	if e.whole {
		to.whole(x, y, bytes.Equal(a, b))
		return
	}
	to.number(x, y, e.width)
}

// short is what the end of a file means where more was announced.
func short(err error) error {
	if err != nil && ended(err) {
		return ErrMalformed
	}
	return err
}
