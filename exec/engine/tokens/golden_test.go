package tokens

import (
	"bytes"
	"encoding/base64"
	"hash/fnv"
	"os"
	"strings"
	"testing"

	"infernet.tech/infernet/exec/engine/gguf"
)

func vocab(t testing.TB, path string) gguf.Vocab {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, v, err := gguf.ReadVocab(bytes.NewReader(raw), gguf.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newTokenizer(t testing.TB, v gguf.Vocab) *Tokenizer {
	t.Helper()
	tk, err := New(v)
	if err != nil {
		t.Fatal(err)
	}
	return tk
}

// digest is what the golden data keeps of a text's tokens: 24 bits.
func digest(ids []int) []byte {
	h := fnv.New32a()
	for _, id := range ids {
		_, _ = h.Write([]byte{byte(id), byte(id >> 8), byte(id >> 16)})
	}
	return h.Sum(nil)[:3]
}

// testdata/golden.txt was written by llama.cpp's own tokenizer (as of ollama
// v0.17.4) over the same vocabularies and texts: a line for each vocabulary
// and way to ask, with a digest for each text.
func TestEqualToLlamaCpp(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	golden := map[string][]byte{}
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if golden[f[0]+" "+f[1]], err = base64.StdEncoding.DecodeString(f[2]); err != nil {
			t.Fatal(err)
		}
	}
	for _, va := range variants() {
		v := vocab(t, "testdata/"+va.file)
		va.change(&v)
		tk := newTokenizer(t, v)
		for mode, encode := range map[string]func(string) ([]int, error){
			"text":    func(s string) ([]int, error) { return tk.Encode(s, false) },
			"special": func(s string) ([]int, error) { return tk.Encode(s, true) },
			"prompt":  func(s string) ([]int, error) { return tk.EncodePrompt(s, false) },
		} {
			want := golden[va.name+" "+mode]
			if len(want) == 0 {
				t.Fatalf("no golden data for %s %s", va.name, mode)
			}
			for i, text := range texts(len(want) / 3) {
				ids, err := encode(text)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(digest(ids), want[3*i:3*i+3]) {
					t.Errorf("%s %s: text %d %q becomes %v, not what llama.cpp makes of it", va.name, mode, i, text, ids)
				}
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	text := strings.Repeat("The capital of France is Paris. It has 2,102,650 people, don't you know?\n日本語 éàü\n", 1000)
	for _, va := range variants() {
		v := vocab(b, "testdata/"+va.file)
		va.change(&v)
		tk := newTokenizer(b, v)
		b.Run(va.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := tk.Encode(text, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
