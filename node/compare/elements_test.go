package compare

import (
	"math"
	"testing"
)

func TestElements(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		name string
		bits uint64
		want float64
	}{
		{"F16", 0x3c00, 1}, {"F16", 0xc000, -2}, {"F16", 0x7bff, 65504}, {"F16", 1, 0x1p-24}, {"F16", 0x03ff, 1023 * 0x1p-24},
		{"F16", 0x0400, 0x1p-14}, {"F16", 0xfc00, math.Inf(-1)}, {"F16", 0x8000, 0}, {"F16", 0x3555, 0.333251953125},
		{"BF16", 0x3f80, 1}, {"BF16", 0x7f80, math.Inf(1)}, {"BF16", 0xc040, -3},
		{"F32", 0x3f800000, 1}, {"F64", 0x3ff0000000000000, 1},
		{"I8", 0xff, -1}, {"I16", 0x8000, -32768}, {"I32", 0xffffffff, -1}, {"I64", 1 << 63, math.MinInt64},
		{"U8", 0xff, 255}, {"BOOL", 1, 1}, {"U16", 0xffff, 65535}, {"U32", 0xffffffff, 1<<32 - 1}, {"U64", 1 << 63, 1 << 63},
	} {
		e, ok := elements(v.name)
		if got := e.value(v.bits); !ok || got != v.want {
			t.Errorf("%s %x: %v, want %v", v.name, v.bits, got, v.want)
		}
	}
	for _, bits := range []uint64{0x7e00, 0xffff} {
		if v := float16(bits); v == v {
			t.Errorf("%x is %v", bits, v)
		}
	}
	raw := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	for size, want := range map[int64][2]uint64{1: {1, 1}, 2: {0x0201, 0x0102}, 4: {0x04030201, 0x01020304}, 8: {0x0807060504030201, 0x0102030405060708}} {
		little, big := element{size: size}, element{size: size, big: true}
		if little.bits(raw) != want[0] || big.bits(raw) != want[1] {
			t.Errorf("%d bytes: %x, %x", size, little.bits(raw), big.bits(raw))
		}
	}
}
