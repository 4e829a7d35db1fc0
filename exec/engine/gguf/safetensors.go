package gguf

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// dtypes are the element types of safetensors by their size in bits.
func dtypes() map[string]uint64 {
	return map[string]uint64{
		"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
		"F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
		"U16": 16, "I16": 16, "F16": 16, "BF16": 16,
		"U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64, "C64": 64,
	}
}

// span is the bytes of one tensor.
type span struct{ from, to uint64 }

// ReadSafetensors reads the header of a safetensors stream. size is that of
// the whole file in bytes, which its offsets have to fill without gap or
// overlap; 0 when it is not known. Errors: as ReadHeader.
func ReadSafetensors(r io.Reader, size int64, lim Limits) (Header, error) {
	lim = lim.filled()
	h := Header{Format: Safetensors}
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return h, endOf(err, ErrFormat)
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > uint64(lim.Bytes) {
		return h, fmt.Errorf("%w: %d bytes", ErrLimit, n)
	}
	if size > 0 && n > uint64(size)-8 {
		return h, fmt.Errorf("%w: its header", ErrTruncated)
	}
	// The buffer grows as bytes come, not as the length claims.
	var raw bytes.Buffer
	if _, err := io.CopyN(&raw, r, int64(n)); err != nil {
		return h, endOf(err, ErrTruncated)
	}
	if raw.Len() == 0 || raw.Bytes()[0] != '{' {
		return h, ErrFormat
	}
	h.HeaderSize = 8 + int64(n)
	end, err := h.tensorTable(raw.Bytes(), lim)
	if err != nil {
		return h, err
	}
	if h.Size, err = sum(uint64(h.HeaderSize), end); err != nil {
		return h, err
	}
	switch {
	case size > 0 && h.Size > uint64(size):
		return h, fmt.Errorf("%w: %d of %d bytes are there", ErrTruncated, size, h.Size)
	case size > 0 && h.Size < uint64(size):
		return h, fmt.Errorf("%w: %d bytes belong to no tensor", ErrMalformed, uint64(size)-h.Size)
	}
	return h, nil
}

func endOf(err, short error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return short
	}
	return err
}

// tensorTable reads the JSON object of tensors and returns where their bytes
// end.
func (h *Header) tensorTable(raw []byte, lim Limits) (end uint64, err error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		return 0, malformed(err)
	}
	seen, types, sizes := map[string]bool{}, share{}, dtypes()
	var spans []span
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return 0, malformed(err)
		}
		name, _ := token.(string)
		if seen[name] {
			return 0, fmt.Errorf("%w: tensor %.64q twice", ErrMalformed, name)
		}
		seen[name] = true
		if uint64(len(seen)) > lim.Tensors {
			return 0, fmt.Errorf("%w: more than %d tensors", ErrLimit, lim.Tensors)
		}
		if name == "__metadata__" {
			var about map[string]string
			if err := dec.Decode(&about); err != nil {
				return 0, malformed(err)
			}
			continue
		}
		s, err := h.tensorOf(dec, name, sizes, types)
		if err != nil {
			return 0, err
		}
		spans = append(spans, s)
	}
	if _, err := dec.Token(); err != nil {
		return 0, malformed(err)
	}
	// The rest is padding by the format's rule.
	if rest := bytes.Trim(raw[dec.InputOffset():], " "); len(rest) > 0 {
		return 0, fmt.Errorf("%w: something follows the header", ErrMalformed)
	}
	h.Quantisation, h.TensorCount = types.most(), uint64(len(spans))
	return contiguous(spans)
}

func malformed(err error) error { return fmt.Errorf("%w: %w", ErrMalformed, err) }

// tensorOf reads one tensor's description.
func (h *Header) tensorOf(dec *json.Decoder, name string, sizes map[string]uint64, types share) (span, error) {
	var t struct {
		DType   string   `json:"dtype"`
		Shape   []uint64 `json:"shape"`
		Offsets []uint64 `json:"data_offsets"`
	}
	if err := dec.Decode(&t); err != nil {
		return span{}, malformed(err)
	}
	width, ok := sizes[t.DType]
	if !ok {
		return span{}, fmt.Errorf("%w: tensor %.64q is of type %.32q", ErrMalformed, name, t.DType)
	}
	if len(t.Offsets) != 2 || t.Offsets[0] > t.Offsets[1] || len(t.Shape) > 16 {
		return span{}, fmt.Errorf("%w: tensor %.64q has no place", ErrMalformed, name)
	}
	elements, err := product(t.Shape)
	if err != nil {
		return span{}, err
	}
	bits, err := product([]uint64{elements, width})
	if err != nil {
		return span{}, err
	}
	if bits%8 != 0 || bits/8 != t.Offsets[1]-t.Offsets[0] {
		return span{}, fmt.Errorf("%w: tensor %.64q has not the bytes of its shape", ErrMalformed, name)
	}
	if h.Parameters, err = sum(h.Parameters, elements); err != nil {
		return span{}, err
	}
	types[t.DType] += elements
	return span{t.Offsets[0], t.Offsets[1]}, nil
}

// contiguous checks that tensors lie side by side from 0, as the format
// demands: an overlap or a gap hides something.
func contiguous(spans []span) (end uint64, err error) {
	slices.SortFunc(spans, func(a, b span) int {
		switch {
		case a.from != b.from && a.from < b.from, a.from == b.from && a.to < b.to:
			return -1
		case a == b:
			return 0
		}
		return 1
	})
	for _, s := range spans {
		if s.from != end {
			return 0, fmt.Errorf("%w: tensors overlap or leave a gap at byte %d", ErrMalformed, min(s.from, end))
		}
		end = s.to
	}
	return end, nil
}
