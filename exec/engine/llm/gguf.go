package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// metadata is what the engine itself needs to know of a model file; llama.cpp
// reads the rest.
type metadata struct {
	arch     string
	template string // Jinja text; empty when the model has none
	context  uint64 // tokens the model was trained for; 0 unknown
}

// Value types of GGUF (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
const (
	ggufString = 8
	ggufArray  = 9
)

// Bounds on what a model file may ask to be read into memory.
const (
	maxGGUFString = 1 << 20
	maxGGUFKeys   = 1 << 16
)

var errNotGGUF = errors.New("not a GGUF model of version 2 or 3")

func readMetadata(path string) (metadata, error) {
	f, err := os.Open(path)
	if err != nil {
		return metadata{}, err
	}
	defer f.Close()
	m, err := parseMetadata(f)
	if err != nil {
		return m, fmt.Errorf("model %s: %w", path, err)
	}
	return m, nil
}

// parseMetadata reads the key-value block at the head of a GGUF file.
func parseMetadata(r io.Reader) (metadata, error) {
	var m metadata
	g := ggufReader{r: bufio.NewReaderSize(r, 64<<10)}
	magic, version := g.uint(4), g.uint(4)
	if g.err != nil || magic != 0x46554747 || version < 2 || version > 3 {
		return m, errNotGGUF
	}
	g.uint(8) // tensors
	keys := g.uint(8)
	if keys > maxGGUFKeys {
		return m, fmt.Errorf("%w: %d keys", errNotGGUF, keys)
	}
	sizes := map[string]uint64{}
	for range keys {
		key := g.string()
		switch kind := g.uint(4); {
		case g.err != nil:
			return m, fmt.Errorf("%w: %w", errNotGGUF, g.err)
		case kind == ggufString && key == "general.architecture":
			m.arch = g.string()
		case kind == ggufString && key == "tokenizer.chat_template":
			m.template = g.string()
		case (kind == 4 || kind == 10) && len(key) < 128:
			sizes[key] = g.uint(width(kind))
		default:
			g.skip(kind, 0)
		}
	}
	if g.err != nil {
		return m, fmt.Errorf("%w: %w", errNotGGUF, g.err)
	}
	m.context = sizes[m.arch+".context_length"]
	return m, nil
}

// width is the size of a scalar in bytes, 0 for all else.
func width(kind uint64) int {
	switch kind {
	case 0, 1, 7: // uint8, int8, bool
		return 1
	case 2, 3: // uint16, int16
		return 2
	case 4, 5, 6: // uint32, int32, float32
		return 4
	case 10, 11, 12: // uint64, int64, float64
		return 8
	}
	return 0
}

// ggufReader keeps the first error and reads zeros after it.
type ggufReader struct {
	r   *bufio.Reader
	err error
}

func (g *ggufReader) uint(n int) uint64 {
	var b [8]byte
	if g.err == nil {
		_, g.err = io.ReadFull(g.r, b[:n])
	}
	if g.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b[:])
}

func (g *ggufReader) string() string {
	n := g.uint(8)
	if n > maxGGUFString && g.err == nil {
		g.err = fmt.Errorf("string of %d bytes", n)
	}
	if g.err != nil {
		return ""
	}
	b := make([]byte, n)
	_, g.err = io.ReadFull(g.r, b)
	return string(b)
}

func (g *ggufReader) discard(n uint64) {
	if g.err == nil && n > 1<<40 {
		g.err = fmt.Errorf("value of %d bytes", n)
	}
	if g.err == nil {
		_, g.err = io.CopyN(io.Discard, g.r, int64(n))
	}
}

func (g *ggufReader) skip(kind uint64, depth int) {
	switch w := width(kind); {
	case g.err != nil:
	case w > 0:
		g.discard(uint64(w))
	case kind == ggufString:
		g.discard(g.uint(8))
	case kind == ggufArray && depth < 4:
		inner, n := g.uint(4), g.uint(8)
		if w := width(inner); w > 0 && n < 1<<36 {
			g.discard(n * uint64(w))
			return
		}
		for ; n > 0 && g.err == nil; n-- {
			g.skip(inner, depth+1)
		}
	default:
		g.err = fmt.Errorf("value of type %d", kind)
	}
}
