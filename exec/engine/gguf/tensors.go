package gguf

import (
	"fmt"
	"strings"
)

// sized tells keys of the form ARCHITECTURE.NAME that the header wants; the
// architecture may stand behind them in the file.
func sized(key string) bool {
	_, name, _ := strings.Cut(key, ".")
	switch name {
	case "context_length", "embedding_length", "block_count", "vocab_size",
		"attention.head_count", "attention.head_count_kv", "attention.key_length", "attention.value_length":
		return len(key) < 128
	}
	return false
}

// Bounds of ggml on a tensor.
const (
	maxTensorName = 256
	maxDims       = 4
)

// tensors reads the tensors' descriptions and works out what follows from
// them: parameters, quantisation, the size of the whole file.
func (d *decoder) tensors(m meta, h *Header) {
	types, kinds := share{}, tensorTypes()
	var end uint64 // of the weights
	known := true
	for range h.TensorCount {
		t, elements, offset := d.tensor()
		if d.err != nil {
			return
		}
		if offset%m.alignment != 0 {
			d.fail(fmt.Errorf("%w: a tensor at %d, not a multiple of %d", ErrMalformed, offset, m.alignment))
			return
		}
		var err error
		if h.Parameters, err = sum(h.Parameters, elements); err != nil {
			d.fail(err)
			return
		}
		kind, ok := kinds[t]
		if !ok {
			known = false
			types[fmt.Sprintf("type %d", t)] += elements
			continue
		}
		types[kind.name] += elements
		last, err := kind.end(offset, elements)
		if err != nil {
			d.fail(err)
			return
		}
		end = max(end, last)
	}
	if d.err != nil {
		return
	}
	if h.Quantisation == "" {
		h.Quantisation = types.most()
	}
	// The weights begin at the next aligned byte.
	pad := uint64(d.at) + m.alignment - 1
	h.HeaderSize = int64(pad &^ (m.alignment - 1))
	if !known || h.TensorCount == 0 {
		return
	}
	size, err := sum(uint64(h.HeaderSize), end)
	if err != nil {
		d.fail(err)
	}
	h.Size = size
}

// tensor reads one description.
func (d *decoder) tensor() (kind uint32, elements, offset uint64) {
	d.text(maxTensorName)
	n := d.uint(4)
	if d.err == nil && n > maxDims {
		d.fail(fmt.Errorf("%w: a tensor of %d dimensions", ErrMalformed, n))
	}
	var dims [maxDims]uint64
	for i := range min(n, maxDims) {
		dims[i] = d.uint(8)
	}
	kind, offset = uint32(d.uint(4)), d.uint(8)
	if d.err != nil {
		return 0, 0, 0
	}
	elements, err := product(dims[:n])
	if err != nil {
		d.fail(err)
	}
	return kind, elements, offset
}

// end is where a tensor's bytes end.
func (t tensorType) end(offset, elements uint64) (uint64, error) {
	if elements%t.block != 0 {
		return 0, fmt.Errorf("%w: %d elements do not fill blocks of %s", ErrMalformed, elements, t.name)
	}
	bytes, err := product([]uint64{elements / t.block, t.bytes})
	if err != nil {
		return 0, err
	}
	return sum(offset, bytes)
}
