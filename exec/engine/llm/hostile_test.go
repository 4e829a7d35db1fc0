package main

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ollama/ollama/llama"

	"infernet.tech/infernet/exec/engine/gguf"
)

// A short request must not make a text that fills the engine's memory.
func TestDetokenizeBounded(t *testing.T) {
	cl := start(t)
	if e := cl.refusal(t, "/detokenize", fields{"model": "demo", "tokens": make([]int, 1_000_000)}); e.Status != http.StatusBadRequest || e.Param != "tokens" {
		t.Errorf("%d %s %s", e.Status, e.Param, e.Message)
	}
}

// Given at once, a long run of letters ends the process: llama.cpp recurses for
// each of them.
func TestLongRuns(t *testing.T) {
	raw, err := os.ReadFile("../tokens/testdata/bpe.gguf")
	if err != nil {
		t.Fatal(err)
	}
	named := func(pre string) []byte {
		return append(binary.LittleEndian.AppendUint64([]byte("tokenizer.ggml.pre\x08\x00\x00\x00"), uint64(len(pre))), pre...)
	}
	for _, pre := range []string{"gpt-2", "qwen2", "deepseek-v3", "tekken", "gpt-4o", "default"} {
		path := filepath.Join(t.TempDir(), "v.gguf")
		if err := os.WriteFile(path, bytes.Replace(raw, named("gpt-2"), named(pre), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := llama.LoadModelFromFile(path, llama.ModelParams{VocabOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		e := &engine{model: m, header: gguf.Header{Tokenizer: "gpt2"}}
		for _, c := range []string{"a", "aB", " ", "1", "é", "!", "!\u0301", "\n", "你"} {
			if got, err := e.encode(nil, strings.Repeat(c, 60_000/len(c)), false); err != nil || len(got) == 0 {
				t.Errorf("%s, %q: %d tokens, %v", pre, c, len(got), err)
			}
		}
		llama.FreeModel(m)
	}
}
