package gguf_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"infernet.tech/infernet/exec/engine/gguf"
	"infernet.tech/infernet/exec/engine/gguf/gguftest"
)

// safetensors writes a header and n bytes behind it.
func safetensors(header string, n int) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), make([]byte, n)...)
}

func TestSafetensors(t *testing.T) {
	t.Parallel()
	const two = `{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]},"a":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}  `
	raw := safetensors(two, 20)
	h, err := gguf.ReadSafetensors(bytes.NewReader(raw), int64(len(raw)), gguf.Limits{})
	if err != nil || h.Parameters != 8 || h.Quantisation != "BF16" || h.TensorCount != 2 || h.Size != uint64(len(raw)) || h.Format != gguf.Safetensors {
		t.Errorf("%+v, %v", h, err)
	}
	one := func(fields string) string { return `{"a":{` + fields + `}}` }
	for name, tc := range map[string]struct {
		header string
		n      int
		want   error
	}{
		"overlap":        {`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}`, 6, gguf.ErrMalformed},
		"gap":            {`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[5,9]}}`, 9, gguf.ErrMalformed},
		"past the end":   {one(`"dtype":"U8","shape":[9],"data_offsets":[0,9]`), 8, gguf.ErrTruncated},
		"hidden bytes":   {one(`"dtype":"U8","shape":[4],"data_offsets":[0,4]`), 5, gguf.ErrMalformed},
		"wrong size":     {one(`"dtype":"F32","shape":[4],"data_offsets":[0,4]`), 4, gguf.ErrMalformed},
		"backwards":      {one(`"dtype":"U8","shape":[4],"data_offsets":[4,0]`), 4, gguf.ErrMalformed},
		"2^64 elements":  {one(`"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]`), 0, gguf.ErrMalformed},
		"2^64 bits":      {one(`"dtype":"F32","shape":[1152921504606846976],"data_offsets":[0,0]`), 0, gguf.ErrMalformed},
		"negative":       {one(`"dtype":"U8","shape":[-1],"data_offsets":[0,0]`), 0, gguf.ErrMalformed},
		"unknown type":   {one(`"dtype":"X9","shape":[4],"data_offsets":[0,4]`), 4, gguf.ErrMalformed},
		"twice":          {`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0, gguf.ErrMalformed},
		"no offsets":     {one(`"dtype":"U8","shape":[4]`), 4, gguf.ErrMalformed},
		"something more": {`{} {}`, 0, gguf.ErrMalformed},
		"no json":        {`{nope`, 0, gguf.ErrMalformed},
		"no object":      {`[1,2]`, 0, gguf.ErrFormat},
		"deep":           {`{"a":` + strings.Repeat("[", 20000), 0, gguf.ErrMalformed},
	} {
		raw := safetensors(tc.header, tc.n)
		if h, err := gguf.ReadSafetensors(bytes.NewReader(raw), int64(len(raw)), gguf.Limits{}); !errors.Is(err, tc.want) {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
	huge := append(binary.LittleEndian.AppendUint64(nil, math.MaxUint64), '{')
	if _, err := gguf.ReadSafetensors(bytes.NewReader(huge), 9, gguf.Limits{}); !errors.Is(err, gguf.ErrLimit) {
		t.Errorf("a huge header: %v", err)
	}
	claimed := append(binary.LittleEndian.AppendUint64(nil, 1<<20), '{')
	if _, err := gguf.ReadSafetensors(bytes.NewReader(claimed), 0, gguf.Limits{}); !errors.Is(err, gguf.ErrTruncated) {
		t.Errorf("a claimed header: %v", err)
	}
}

func FuzzSafetensors(f *testing.F) {
	f.Add(safetensors(`{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, err := gguf.ReadSafetensors(bytes.NewReader(raw), int64(len(raw)), gguf.Limits{})
		if err == nil && h.Size != uint64(len(raw)) {
			t.Errorf("%d of %d bytes", h.Size, len(raw))
		}
	})
}

func zipped(t *testing.T, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range names {
		if _, err := z.Create(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The content decides, whatever the name.
func TestDetect(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		raw  []byte
		want gguf.Format
		err  error
	}{
		"a.bin":         {gguftest.File(nil, nil, 0), gguf.GGUF, nil},
		"b.gguf":        {safetensors(`{}`, 0), gguf.Safetensors, nil},
		"c.gguf":        {[]byte("\x80\x02}q\x00."), "", gguf.ErrPickle},
		"d.safetensors": {[]byte("\x80\x05\x95"), "", gguf.ErrPickle},
		"e.gguf":        {zipped(t, "archive/version", "archive/data.pkl"), "", gguf.ErrPickle},
		"f.gguf":        {zipped(t, "../data.pkl"), "", gguf.ErrPickle},
		"g.gguf":        {zipped(t, "x.npy"), "", gguf.ErrFormat},
		"h.gguf":        {[]byte("PK\x03\x04 no zip"), "", gguf.ErrFormat},
		"i.gguf":        {nil, "", gguf.ErrFormat},
		"j.gguf":        {[]byte("a text, GGUF only by name"), "", gguf.ErrFormat},
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, tc.raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := gguf.Detect(path); got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if !strings.Contains(gguf.ErrPickle.Error(), "runs code") || !strings.Contains(gguf.ErrPickle.Error(), "safetensors") {
		t.Error("the refusal says neither why nor what to do")
	}
}

func folder(t *testing.T, files map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		raw, ok := content.([]byte)
		if !ok {
			var err error
			if raw, err = json.Marshal(content); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFolder(t *testing.T) {
	t.Parallel()
	type object = map[string]any
	weights := safetensors(`{"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}`, 12)
	config := object{"model_type": "qwen2", "max_position_embeddings": 32768, "hidden_size": 896, "num_hidden_layers": 24, "vocab_size": 151936}
	dir := folder(t, map[string]any{
		"config.json": config, "model-1.safetensors": weights, "model-2.safetensors": weights, "tokenizer.json": object{},
		"tokenizer_config.json": object{"chat_template": "<|im_start|>"},
	})
	h, err := gguf.Describe(dir, gguf.Limits{})
	want := gguf.Header{
		Format: gguf.Folder, Architecture: "qwen2", Quantisation: "BF16", Parameters: 12, ContextLength: 32768, EmbeddingLength: 896,
		Layers: 24, VocabSize: 151936, ChatTemplate: "<|im_start|>", TensorCount: 2, HeaderSize: h.HeaderSize, Size: uint64(2 * len(weights)),
	}
	if err != nil || h != want {
		t.Errorf("%+v, %v", h, err)
	}
	config["quantization_config"] = object{"quant_method": "awq", "bits": 4}
	dir = folder(t, map[string]any{
		"config.json": config, "model.safetensors": weights, "chat_template.jinja": []byte("jinja"),
		"tokenizer_config.json": object{"chat_template": []object{{"name": "default", "template": "other"}}},
	})
	if h, err := gguf.Describe(dir, gguf.Limits{}); err != nil || h.Quantisation != "awq-4bit" || h.ChatTemplate != "jinja" {
		t.Errorf("%+v, %v", h, err)
	}
	for name, tc := range map[string]struct {
		files map[string]any
		want  error
	}{
		"a pickle beside":  {map[string]any{"config.json": config, "m.safetensors": weights, "training_args.bin": []byte("\x80\x02}.")}, gguf.ErrPickle},
		"no weights":       {map[string]any{"config.json": config}, gguf.ErrFormat},
		"no configuration": {map[string]any{"m.safetensors": weights}, gguf.ErrFormat},
		"bad weights":      {map[string]any{"config.json": config, "m.safetensors": weights[:len(weights)-1]}, gguf.ErrTruncated},
		"bad config":       {map[string]any{"config.json": []byte("{"), "m.safetensors": weights}, gguf.ErrMalformed},
		"large config":     {map[string]any{"config.json": make([]byte, 9<<20), "m.safetensors": weights}, gguf.ErrLimit},
		"two GGUF":         {map[string]any{"a": gguftest.File(nil, nil, 0), "b": gguftest.File(nil, nil, 0)}, gguf.ErrFormat},
		"one GGUF":         {map[string]any{"a": gguftest.File(nil, nil, 0), "README": []byte("x")}, nil},
	} {
		if h, err := gguf.Describe(folder(t, tc.files), gguf.Limits{}); !errors.Is(err, tc.want) {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}
