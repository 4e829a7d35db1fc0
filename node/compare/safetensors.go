package compare

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Bounds of a safetensors header; the format itself allows 100 MB.
const (
	maxTensorHeader = 8 << 20
	maxTensors      = 65_536
)

// tensor is one entry of a safetensors header.
type tensor struct {
	name    string
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// readTensors reads the header; size is that of the file. The tensors come in the
// order of their bytes, which they must fill without holes.
func readTensors(r io.Reader, size int64) ([]tensor, map[string]string, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, nil, short(err)
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > maxTensorHeader {
		return nil, nil, fmt.Errorf("%w: a header of %d bytes", ErrLarge, n)
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, nil, short(err)
	}
	if err := checkJSON(raw); err != nil {
		return nil, nil, err
	}
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, nil, fmt.Errorf("%w: header: %.80q", ErrMalformed, err)
	}
	if len(entries) > maxTensors {
		return nil, nil, fmt.Errorf("%w: %d tensors", ErrLarge, len(entries))
	}
	var meta map[string]string
	list := make([]tensor, 0, len(entries))
	for name, raw := range entries {
		if name == "__metadata__" {
			if err := json.Unmarshal(raw, &meta); err != nil {
				return nil, nil, fmt.Errorf("%w: metadata", ErrMalformed)
			}
			continue
		}
		t, err := readTensor(name, raw)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b tensor) int {
		return cmp.Or(cmp.Compare(a.Offsets[0], b.Offsets[0]), cmp.Compare(a.Offsets[1], b.Offsets[1]), strings.Compare(a.name, b.name))
	})
	return list, meta, filled(list, size-8-int64(n))
}

// readTensor wants these keys and no others: in other spellings of them some
// readers see the same key again.
func readTensor(name string, raw json.RawMessage) (tensor, error) {
	t := tensor{name: name}
	var keys map[string]json.RawMessage
	err := json.Unmarshal(raw, &keys)
	for _, k := range []string{"dtype", "shape", "data_offsets"} {
		if _, ok := keys[k]; !ok || len(keys) != 3 || err != nil {
			return t, fmt.Errorf("%w: tensor %.40q", ErrMalformed, name)
		}
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return t, fmt.Errorf("%w: tensor %.40q", ErrMalformed, name)
	}
	return t, nil
}

// filled holds each tensor to its size and all of them to the file's.
func filled(list []tensor, size int64) error {
	at := int64(0)
	for _, t := range list {
		e, ok := elements(t.DType)
		if !ok {
			return fmt.Errorf("%w: type %.20q", ErrMalformed, t.DType)
		}
		count, err := t.count()
		if err != nil {
			return err
		}
		if t.Offsets[0] != at || t.Offsets[1]-at != count*e.size {
			return fmt.Errorf("%w: tensor %.40q lies where it cannot", ErrMalformed, t.name)
		}
		at = t.Offsets[1]
	}
	if at != size {
		return fmt.Errorf("%w: %d bytes for tensors of %d", ErrMalformed, size, at)
	}
	return nil
}

func (t tensor) count() (count int64, err error) {
	count = 1
	for _, n := range t.Shape {
		if count, err = product(count, n); err != nil {
			return 0, err
		}
	}
	return count, nil
}

func compareTensors(ctx context.Context, f file, to sink) error {
	return f.with(func(a, b readFile) error {
		x, metaX, ea := readTensors(a, f.sizeA)
		y, metaY, eb := readTensors(b, f.sizeB)
		if err := readable(ea, eb); err != nil {
			return err
		}
		if !maps.Equal(metaX, metaY) {
			return differ("different metadata")
		}
		same := func(a, b tensor) bool {
			return a.name == b.name && a.DType == b.DType && slices.Equal(a.Shape, b.Shape)
		}
		if !slices.EqualFunc(x, y, same) {
			return differ("tensors of different names, types, shapes or order")
		}
		for _, t := range x {
			e, _ := elements(t.DType)
			count, _ := t.count()
			row := int64(1)
			if len(t.Shape) > 0 {
				row = t.Shape[len(t.Shape)-1]
			}
			if err := tensors(ctx, a, b, e, count, row, to); err != nil {
				return within(t.name, err)
			}
		}
		return nil
	})
}
