package gguf_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"infernet.tech/infernet/exec/engine/gguf"
	"infernet.tech/infernet/exec/engine/gguf/gguftest"
)

const demoModel = "../model/infernet-demo.gguf"

func TestDemoModel(t *testing.T) {
	t.Parallel()
	h, err := gguf.Describe(demoModel, gguf.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(demoModel)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(h.ChatTemplate, "<|end|>") {
		t.Errorf("template %q", h.ChatTemplate)
	}
	h.ChatTemplate = ""
	want := gguf.Header{
		Format: gguf.GGUF, Version: 3, Architecture: "llama", Name: "Infernet Demo", Quantisation: "F16", Parameters: 1201536,
		ContextLength: 512, EmbeddingLength: 128, Layers: 5, CacheToken: 2560, VocabSize: 1536, Tokenizer: "llama", TensorCount: 47,
		HeaderSize: 37184, Size: uint64(info.Size()),
	}
	if h != want {
		t.Errorf("got %+v\nwant %+v", h, want)
	}
	raw, err := os.ReadFile(demoModel)
	if err != nil {
		t.Fatal(err)
	}
	// The header is enough, and as good from a stream of the vocabulary.
	again, v, err := gguf.ReadVocab(bytes.NewReader(raw[:h.HeaderSize]), gguf.Limits{})
	if err != nil || again.Parameters != want.Parameters || again.VocabSize != want.VocabSize {
		t.Errorf("%+v, %v", again, err)
	}
	if len(v.Tokens) != 1536 || len(v.Scores) != 1536 || len(v.Types) != 1536 || v.BOS != 1 || v.EOS != 2 || v.Unknown != 0 ||
		v.EOT != -1 || v.AddBOS == nil || !*v.AddBOS || v.AddSpacePrefix == nil || *v.AddSpacePrefix || v.Tokens[6] != "<0x00>" || v.Types[6] != gguf.TokenByte {
		t.Errorf("vocabulary %+v", v)
	}
}

// Every prefix of a header is cut short, and told so.
func TestEveryPrefix(t *testing.T) {
	t.Parallel()
	raw := gguftest.File(gguftest.Vocab(gguf.Vocab{Model: "gpt2", Tokens: []string{"a", "b"}, Merges: []string{"a b"}, BOS: 0, EOS: 1, EOT: -1, Unknown: -1}),
		[]gguftest.Tensor{{Name: "w", Dims: []uint64{32, 2}, Type: 8}}, 0)
	end := bytes.LastIndexFunc(raw, func(r rune) bool { return r != 0 }) + 13 // the tensor's type and offset are zeros
	for n := range len(raw) {
		_, err := gguf.ReadHeader(bytes.NewReader(raw[:n]), gguf.Limits{})
		switch {
		case n < 4 && !errors.Is(err, gguf.ErrFormat), n >= 4 && n < end-12 && !errors.Is(err, gguf.ErrTruncated):
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	if _, err := gguf.ReadHeader(io.LimitReader(failing{}, 10), gguf.Limits{}); err == nil || errors.Is(err, gguf.ErrTruncated) {
		t.Errorf("a failing reader: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestQuantisation(t *testing.T) {
	t.Parallel()
	kv := func(key string, v any) []gguftest.KV {
		return []gguftest.KV{{Key: "llama.context_length", Value: uint64(7)}, {Key: "general.architecture", Value: "llama"}, {Key: key, Value: v}}
	}
	many := []gguftest.Tensor{{Name: "small", Dims: []uint64{8}}, {Name: "large", Dims: []uint64{256, 3}, Type: 12, At: 32}}
	for name, tc := range map[string]struct {
		kvs     []gguftest.KV
		tensors []gguftest.Tensor
		want    string
		size    bool
	}{
		"told":            {kv("general.file_type", uint32(15)), many, "Q4_K_M", true},
		"told as a guess": {kv("general.file_type", uint32(1024+7)), many, "Q8_0", true},
		"of most":         {kv("x", true), many, "Q4_K", true},
		"unknown number":  {kv("general.file_type", uint32(900)), many, "Q4_K", true},
		"unknown type":    {kv("x", "y"), []gguftest.Tensor{{Name: "w", Dims: []uint64{8}, Type: 77}}, "type 77", false},
		"no tensors":      {kv("x", float32(1)), nil, "", false},
	} {
		h, err := gguf.ReadHeader(bytes.NewReader(gguftest.File(tc.kvs, tc.tensors, 0)), gguf.Limits{})
		if err != nil || h.Quantisation != tc.want || (h.Size > 0) != tc.size || h.ContextLength != 7 {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}

// hostile files by what is wrong with them.
func TestHostile(t *testing.T) {
	t.Parallel()
	u := binary.LittleEndian
	head := func(version uint32, tensors, keys uint64) []byte {
		return u.AppendUint64(u.AppendUint64(u.AppendUint32([]byte("GGUF"), version), tensors), keys)
	}
	key := func(b []byte, name string, kind uint32) []byte {
		return u.AppendUint32(append(u.AppendUint64(b, uint64(len(name))), name...), kind)
	}
	huge := u.AppendUint64(key(head(3, 0, 1), "general.architecture", 8), math.MaxUint64)
	items := u.AppendUint64(u.AppendUint32(key(head(3, 0, 1), "x", 9), 8), 1<<40)
	nested := key(head(3, 0, 1), "x", 9)
	for range 8 {
		nested = u.AppendUint64(u.AppendUint32(nested, 9), 1)
	}
	kv := func(k string, v any) []byte { return gguftest.File([]gguftest.KV{{Key: k, Value: v}}, nil, 0) }
	tensor := func(dims ...uint64) []byte {
		return gguftest.File(nil, []gguftest.Tensor{{Name: "w", Dims: dims}}, 0)
	}
	for name, tc := range map[string]struct {
		raw  []byte
		want error
	}{
		"empty":                 {nil, gguf.ErrFormat},
		"another format":        {[]byte("PK\x03\x04 and so on"), gguf.ErrFormat},
		"version 1":             {head(1, 0, 0), gguf.ErrVersion},
		"big-endian":            {head(3<<24, 0, 0), gguf.ErrVersion},
		"too many keys":         {head(3, 0, 1<<40), gguf.ErrLimit},
		"too many tensors":      {head(3, 1<<40, 0), gguf.ErrLimit},
		"huge string":           {huge, gguf.ErrLimit},
		"huge array":            {items, gguf.ErrLimit},
		"deep arrays":           {nested, gguf.ErrLimit},
		"unknown type":          {key(head(3, 0, 1), "x", 77), gguf.ErrMalformed},
		"key twice":             {gguftest.File([]gguftest.KV{{Key: "a", Value: true}, {Key: "a", Value: true}}, nil, 0), gguf.ErrMalformed},
		"architecture a number": {kv("general.architecture", uint32(1)), gguf.ErrMalformed},
		"odd alignment":         {kv("general.alignment", uint32(3)), gguf.ErrMalformed},
		"negative file type":    {kv("general.file_type", int32(-1)), gguf.ErrMalformed},
		"2^64 elements":         {tensor(1<<32, 1<<32), gguf.ErrMalformed},
		"2^64 bytes":            {tensor(1 << 63), gguf.ErrMalformed},
		"five dimensions":       {tensor(1, 1, 1, 1, 1), gguf.ErrMalformed},
		"half a block":          {gguftest.File(nil, []gguftest.Tensor{{Name: "w", Dims: []uint64{31}, Type: 8}}, 0), gguf.ErrMalformed},
		"offset off":            {gguftest.File(nil, []gguftest.Tensor{{Name: "w", Dims: []uint64{8}, At: 5}}, 0), gguf.ErrMalformed},
		"offset past the end":   {gguftest.File(nil, []gguftest.Tensor{{Name: "w", Dims: []uint64{8}, At: math.MaxUint64 - 31}}, 0), gguf.ErrMalformed},
	} {
		if h, err := gguf.ReadHeader(bytes.NewReader(tc.raw), gguf.Limits{}); !errors.Is(err, tc.want) {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
	// One who sends for ever is stopped by the limit on bytes.
	endless := io.MultiReader(bytes.NewReader(u.AppendUint64(key(head(3, 0, 1), "x", 8), 1<<39)), zeros{})
	if _, err := gguf.ReadHeader(endless, gguf.Limits{Bytes: 1 << 20}); !errors.Is(err, gguf.ErrLimit) {
		t.Errorf("endless: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestVocabRefuses(t *testing.T) {
	t.Parallel()
	good := gguf.Vocab{Model: "llama", Tokens: []string{"a", "b"}, BOS: 7, EOS: -1, EOT: -1, Unknown: -1}
	for name, tc := range map[string]struct {
		change func([]gguftest.KV) []gguftest.KV
		want   error
	}{
		"none": {func([]gguftest.KV) []gguftest.KV { return nil }, gguf.ErrNoVocab},
		"scores": {func(k []gguftest.KV) []gguftest.KV {
			return append(k, gguftest.KV{Key: "tokenizer.ggml.scores", Value: []float32{1}})
		}, gguf.ErrMalformed},
		"other scores": {func(k []gguftest.KV) []gguftest.KV {
			return append(k, gguftest.KV{Key: "tokenizer.ggml.scores", Value: []int32{1, 2}})
		}, gguf.ErrMalformed},
		"no list": {func(k []gguftest.KV) []gguftest.KV {
			return append(k, gguftest.KV{Key: "tokenizer.ggml.merges", Value: "a b"})
		}, gguf.ErrMalformed},
		"flag": {func(k []gguftest.KV) []gguftest.KV {
			return append(k, gguftest.KV{Key: "tokenizer.ggml.add_bos_token", Value: uint32(1)})
		}, gguf.ErrMalformed},
	} {
		raw := gguftest.File(tc.change(gguftest.Vocab(good)), nil, 0)
		if _, _, err := gguf.ReadVocab(bytes.NewReader(raw), gguf.Limits{}); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, v, err := gguf.ReadVocab(bytes.NewReader(gguftest.File(gguftest.Vocab(good), nil, 0)), gguf.Limits{})
	if err != nil || v.BOS != -1 {
		t.Errorf("an id of no token: %d, %v", v.BOS, err)
	}
}

func TestTruncatedFile(t *testing.T) {
	t.Parallel()
	raw := gguftest.File(nil, []gguftest.Tensor{{Name: "w", Dims: []uint64{256}}}, 1024)
	path := filepath.Join(t.TempDir(), "m.gguf")
	for n, want := range map[int]error{len(raw): nil, len(raw) - 1: gguf.ErrTruncated} {
		if err := os.WriteFile(path, raw[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if h, err := gguf.ReadFile(path, gguf.Limits{}); !errors.Is(err, want) || h.Size != uint64(len(raw)) {
			t.Errorf("%d bytes: %+v, %v", n, h, err)
		}
	}
}

func FuzzReadVocab(f *testing.F) {
	raw, err := os.ReadFile(demoModel)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw[:2048])
	f.Add(gguftest.File(gguftest.Vocab(gguf.Vocab{Model: "gpt2", Tokens: []string{"a", "b"}, Merges: []string{"a b"}}),
		[]gguftest.Tensor{{Name: "w", Dims: []uint64{32, 2}, Type: 8}}, 0))
	typed := []error{gguf.ErrFormat, gguf.ErrVersion, gguf.ErrTruncated, gguf.ErrMalformed, gguf.ErrLimit, gguf.ErrNoVocab}
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, v, err := gguf.ReadVocab(bytes.NewReader(raw), gguf.Limits{})
		for _, e := range typed {
			if errors.Is(err, e) {
				return
			}
		}
		if err != nil {
			t.Errorf("untyped: %v", err)
		}
		if len(v.Tokens) > len(raw) {
			t.Errorf("%d tokens out of %d bytes", len(v.Tokens), len(raw))
		}
	})
}
