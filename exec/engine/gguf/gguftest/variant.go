package gguftest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"infernet.tech/infernet/exec/engine/gguf"
)

// Variant returns a copy of a GGUF file with its weights changed: edit is called
// for each tensor with its name, its dimensions (of a row first) and its
// numbers, and changes them in place. They are stored as before: F16 and F32
// alone are known, other tensors stay as they are. The file is a trusted one.
func Variant(file []byte, edit func(name string, dims []uint64, weights []float32)) ([]byte, error) {
	h, err := gguf.ReadHeader(bytes.NewReader(file), gguf.DefaultLimits())
	if err != nil {
		return nil, err
	}
	out := bytes.Clone(file)
	r := reader{b: file, at: 4 + 4}
	tensors, pairs := r.uint(8), r.uint(8)
	for range pairs {
		r.text()
		r.value(uint32(r.uint(4)))
	}
	for range tensors {
		name, n := r.text(), 1
		dims := make([]uint64, r.uint(4))
		for i := range dims {
			dims[i] = r.uint(8)
			n *= int(dims[i])
		}
		kind, at := r.uint(4), int(h.HeaderSize)+int(r.uint(8))
		switch kind {
		case 0:
			change32(out[at:at+4*n], func(w []float32) { edit(name, dims, w) })
		case 1:
			change16(out[at:at+2*n], func(w []float32) { edit(name, dims, w) })
		}
	}
	if r.at > len(file) {
		return nil, fmt.Errorf("gguftest: the header ends behind the file")
	}
	return out, nil
}

// reader goes over a header that was read before, and so is right.
type reader struct {
	b  []byte
	at int
}

func (r *reader) uint(bytes int) (v uint64) {
	for i := range bytes {
		v |= uint64(r.b[r.at+i]) << (8 * i)
	}
	r.at += bytes
	return v
}

func (r *reader) text() string {
	n := int(r.uint(8))
	r.at += n
	return string(r.b[r.at-n : r.at])
}

// value passes over a value of ggml's metadata type.
func (r *reader) value(kind uint32) {
	switch kind {
	case 8:
		r.text()
	case 9:
		of, n := uint32(r.uint(4)), r.uint(8)
		for range n {
			r.value(of)
		}
	default:
		r.at += []int{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}[kind]
	}
}

func change32(b []byte, f func([]float32)) {
	w := make([]float32, len(b)/4)
	for i := range w {
		w[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	f(w)
	for i, v := range w {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
	}
}

func change16(b []byte, f func([]float32)) {
	w := make([]float32, len(b)/2)
	for i := range w {
		w[i] = fromHalf(binary.LittleEndian.Uint16(b[2*i:]))
	}
	f(w)
	for i, v := range w {
		binary.LittleEndian.PutUint16(b[2*i:], toHalf(v))
	}
}

// fromHalf and toHalf convert IEEE 754 binary16; what is too small becomes 0.
func fromHalf(h uint16) float32 {
	sign, exp, frac := float32(1), int(h>>10&31), float64(h&1023)
	if h>>15 == 1 {
		sign = -1
	}
	if exp == 0 {
		return sign * float32(math.Ldexp(frac, -24))
	}
	return sign * float32(math.Ldexp(1024+frac, exp-25))
}

func toHalf(f float32) uint16 {
	sign := uint16(math.Float32bits(f) >> 31 << 15)
	frac, exp := math.Frexp(math.Abs(float64(f)))
	switch {
	case f == 0 || exp < -24:
		return sign
	case exp > 16:
		return sign | 0x7bff
	case exp < -13: // subnormal
		return sign | uint16(math.RoundToEven(math.Ldexp(frac, exp+24)))
	}
	m := uint16(math.RoundToEven(math.Ldexp(frac, 11)))
	return sign | (uint16(exp+14)<<10 + (m - 1024))
}

// Quantise is an edit that rounds each block of 32 numbers of the matrices as
// ggml's types of so many bits do: Q8_0 at 8, Q4_0 at 4, and in the same way
// for others. Nothing else of those types is imitated.
func Quantise(bits int) func(name string, dims []uint64, weights []float32) {
	return func(_ string, dims []uint64, weights []float32) {
		if len(dims) < 2 {
			return
		}
		for ; len(weights) >= 32; weights = weights[32:] {
			roundBlock(weights[:32], bits)
		}
	}
}

func roundBlock(w []float32, bits int) {
	most := float32(0)
	for _, v := range w {
		if math.Abs(float64(v)) > math.Abs(float64(most)) {
			most = v
		}
	}
	if most == 0 {
		return
	}
	low, high := -math.Ldexp(1, bits-1), math.Ldexp(1, bits-1)-1
	step := most / float32(low) // of most's sign: ggml gives the largest the whole range
	if bits == 8 {
		step = float32(math.Abs(float64(most))) / 127
		low = -127
	}
	step = fromHalf(toHalf(step))
	if step == 0 {
		return
	}
	for i, v := range w {
		w[i] = float32(min(max(math.Round(float64(v/step)), low), high)) * step
	}
}

// DropLayers is an edit that leaves layers out: without what they add they pass
// on what they got.
func DropLayers(layers ...int) func(name string, dims []uint64, weights []float32) {
	return func(name string, _ []uint64, weights []float32) {
		for _, l := range layers {
			if name == fmt.Sprintf("blk.%d.attn_output.weight", l) || name == fmt.Sprintf("blk.%d.ffn_down.weight", l) {
				clear(weights)
			}
		}
	}
}

// DropHead is an edit that leaves one head of size numbers out of the attention
// of every layer.
func DropHead(head, size int) func(name string, dims []uint64, weights []float32) {
	return func(name string, dims []uint64, weights []float32) {
		if !strings.HasSuffix(name, "attn_output.weight") {
			return
		}
		row := int(dims[0])
		for at := 0; at < len(weights); at += row {
			clear(weights[at+head*size : at+(head+1)*size])
		}
	}
}

// Prune is an edit that sets a share of the smallest numbers of each matrix to
// nothing.
func Prune(share float64) func(name string, dims []uint64, weights []float32) {
	return func(_ string, dims []uint64, weights []float32) {
		if len(dims) < 2 {
			return
		}
		// A histogram finds the size below which they lie well enough.
		var counts [4096]int
		most := 0.0
		for _, v := range weights {
			most = max(most, math.Abs(float64(v)))
		}
		bin := func(v float32) int { return min(int(math.Abs(float64(v))/most*float64(len(counts))), len(counts)-1) }
		for _, v := range weights {
			counts[bin(v)]++
		}
		left, edge := int(share*float64(len(weights))), 0
		for ; edge < len(counts) && left > 0; edge++ {
			left -= counts[edge]
		}
		for i, v := range weights {
			if bin(v) < edge {
				weights[i] = 0
			}
		}
	}
}

// Jitter is an edit that moves each number by up to share of itself, by a
// fixed sequence: the noise of other arithmetic, or of a conversion.
func Jitter(share float64) func(name string, dims []uint64, weights []float32) {
	return func(_ string, dims []uint64, weights []float32) {
		if len(dims) < 2 {
			return
		}
		state := uint64(0x9e3779b97f4a7c15)
		for i := range weights {
			state ^= state << 13
			state ^= state >> 7
			state ^= state << 17
			weights[i] *= float32(1 + share*(float64(state>>11)/(1<<52)-1))
		}
	}
}
