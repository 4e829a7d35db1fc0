package gguf

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Format is what kind of model a file or folder is.
type Format string

// The formats.
const (
	GGUF        Format = "gguf"
	Safetensors Format = "safetensors"
	Folder      Format = "folder" // config.json and *.safetensors
)

// Header is what a model says of itself. Fields that a file does not tell are
// zero. All texts are the file's own: a stranger's.
type Header struct {
	Format       Format
	Version      uint32 // of GGUF
	Architecture string
	Name         string
	// Quantisation is the file's type ("Q4_K_M") where it names one, else the
	// type of most elements ("Q8_0", "BF16").
	Quantisation    string
	Parameters      uint64 // elements of all tensors
	ContextLength   uint64 // tokens the model was trained for
	EmbeddingLength uint64
	Layers          uint64
	// CacheToken is what one token takes in an engine's cache, in bytes at 16
	// bits a number: keys and values of all layers. Where the header leaves
	// things out it is the most it can be; 0 is unknown.
	CacheToken   uint64
	VocabSize    uint64
	Tokenizer    string // GGUF: "llama" (SentencePiece), "gpt2" (byte-level BPE), …
	ChatTemplate string // Jinja text
	TensorCount  uint64
	// HeaderSize is the bytes before the weights; Size those of the whole file
	// as its header tells, 0 where a tensor is of an unknown type. Of a folder
	// Size is the bytes of its safetensors files.
	HeaderSize int64
	Size       uint64
}

const magic = 0x46554747 // "GGUF"

// ReadHeader reads the header at the start of a GGUF stream; the weights are
// left unread. Errors: ErrFormat, ErrVersion, ErrTruncated, ErrMalformed,
// ErrLimit and those of r.
func ReadHeader(r io.Reader, lim Limits) (Header, error) {
	h, _, err := read(r, lim, false)
	return h, err
}

// ReadVocab reads the header and the vocabulary. Errors: those of ReadHeader
// and ErrNoVocab.
func ReadVocab(r io.Reader, lim Limits) (Header, Vocab, error) {
	h, v, err := read(r, lim, true)
	if err != nil {
		return h, Vocab{}, err
	}
	err = v.check()
	return h, v, err
}

// ReadFile is ReadHeader of a file, and ErrTruncated where the file is shorter
// than its header tells.
func ReadFile(path string, lim Limits) (Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return Header{}, err
	}
	defer f.Close()
	h, err := ReadHeader(f, lim)
	if err != nil {
		return h, err
	}
	info, err := f.Stat()
	if err != nil {
		return h, err
	}
	if uint64(info.Size()) < h.Size {
		return h, fmt.Errorf("%w: %d of %d bytes are there", ErrTruncated, info.Size(), h.Size)
	}
	return h, nil
}

func read(r io.Reader, lim Limits, wantVocab bool) (Header, Vocab, error) {
	d := newDecoder(r, lim)
	h := Header{Format: GGUF}
	if d.uint(4) != magic {
		// Too short to have a magic number is no GGUF either.
		if d.err == nil || errors.Is(d.err, ErrTruncated) {
			return h, Vocab{}, ErrFormat
		}
		return h, Vocab{}, d.err
	}
	h.Version = uint32(d.uint(4))
	if d.err == nil && h.Version != 2 && h.Version != 3 {
		return h, Vocab{}, fmt.Errorf("%w: version %d", ErrVersion, h.Version)
	}
	h.TensorCount = d.uint(8)
	keys := d.uint(8)
	if d.err == nil && (keys > d.lim.Keys || h.TensorCount > d.lim.Tensors) {
		return h, Vocab{}, fmt.Errorf("%w: %d keys and %d tensors", ErrLimit, keys, h.TensorCount)
	}
	m := meta{vocab: newVocab(), wantVocab: wantVocab, sizes: map[string]uint64{}, alignment: 32}
	d.keyValues(keys, &m, &h)
	m.vocab.Name, m.vocab.Model = h.Name, h.Tokenizer
	d.tensors(m, &h)
	return h, m.vocab, d.err
}

// meta is what the key-value block yields beside the header's own fields.
type meta struct {
	vocab     Vocab
	wantVocab bool
	sizes     map[string]uint64 // whole numbers whose key depends on the architecture
	fileType  string
	alignment uint64
}

// maxKey is the longest key of the format.
const maxKey = 1<<16 - 1

func (d *decoder) keyValues(n uint64, m *meta, h *Header) {
	seen := map[string]bool{}
	for range n {
		key := d.text(maxKey)
		t := valueType(d.uint(4))
		if d.err != nil {
			return
		}
		// Readers differ in which of two equal keys they believe.
		if seen[key] {
			d.fail(fmt.Errorf("%w: key %.64q twice", ErrMalformed, key))
			return
		}
		seen[key] = true
		d.keyValue(key, t, m, h)
	}
	of := func(key string) uint64 { return m.sizes[h.Architecture+"."+key] }
	h.ContextLength, h.EmbeddingLength, h.Layers = of("context_length"), of("embedding_length"), of("block_count")
	h.CacheToken = cacheToken(*h, of)
	h.Quantisation = m.fileType
	if h.VocabSize == 0 {
		h.VocabSize = of("vocab_size")
	}
}

// maxCacheToken bounds what a header may make us believe: a hundred times the
// largest models.
const maxCacheToken = 1 << 30

// cacheToken follows from the attention's sizes as llama.cpp has them: a head is
// as long as the embedding's part of it, and as many heads have keys and values
// as there are heads, where nothing else is said.
func cacheToken(h Header, of func(string) uint64) uint64 {
	const most = 1 << 20 // of each, so that no product wraps
	heads := min(max(of("attention.head_count"), 1), most)
	key := min(h.EmbeddingLength/heads, most)
	if said := of("attention.key_length"); said > 0 {
		key = min(said, most)
	}
	value := key
	if said := of("attention.value_length"); said > 0 {
		value = min(said, most)
	}
	if kv := of("attention.head_count_kv"); kv > 0 {
		heads = min(kv, heads)
	}
	each := heads * (key + value) // at most 2^41
	return min(min(h.Layers, most)*min(each, maxCacheToken)*2, maxCacheToken)
}

func (d *decoder) keyValue(key string, t valueType, m *meta, h *Header) {
	texts := map[string]*string{
		"general.architecture":    &h.Architecture,
		"general.name":            &h.Name,
		"tokenizer.chat_template": &h.ChatTemplate,
		"tokenizer.ggml.model":    &h.Tokenizer,
		"tokenizer.ggml.pre":      &m.vocab.Pre,
	}
	switch {
	case texts[key] != nil && t == typeString:
		*texts[key] = d.text(d.lim.String)
	case texts[key] != nil:
		d.fail(fmt.Errorf("%w: %s is no text", ErrMalformed, key))
	case key == "general.file_type":
		m.fileType = fileTypeName(d.whole(t))
	case key == "general.alignment":
		m.alignment = d.whole(t)
		if d.err == nil && (m.alignment == 0 || m.alignment&(m.alignment-1) != 0 || m.alignment > 1<<20) {
			d.fail(fmt.Errorf("%w: alignment %d", ErrMalformed, m.alignment))
		}
	case key == "tokenizer.ggml.tokens" && t == typeArray && !m.wantVocab:
		inner, n := d.array()
		h.VocabSize = n
		d.items(inner, n, 1)
	case m.wantVocab && m.vocab.read(d, key, t):
		h.VocabSize = uint64(len(m.vocab.Tokens))
	case (t == typeUint32 || t == typeUint64 || t == typeInt32) && sized(key):
		m.sizes[key] = d.whole(t)
	default:
		d.skip(t, 0)
	}
}

// items passes over the items of an array whose head was read.
func (d *decoder) items(t valueType, n uint64, depth int) {
	for ; n > 0 && d.err == nil; n-- {
		d.skip(t, depth)
	}
}
