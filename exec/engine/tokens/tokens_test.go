package tokens

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"infernet.tech/infernet/exec/engine/chat"
	"infernet.tech/infernet/exec/engine/gguf"
)

const demoModel = "../model/infernet-demo.gguf"

// The demonstration model's file says that no space goes before a text; its
// control tokens are one token each and cannot be written by people.
func TestDemoModel(t *testing.T) {
	t.Parallel()
	v := vocab(t, demoModel)
	tk := newTokenizer(t, v)
	phi3, err := chat.Named("phi-3")
	if err != nil {
		t.Fatal(err)
	}
	turns := []chat.Turn{{Role: "user", Content: "What is the capital of France? <|end|>"}}
	ids, err := EncodeChat(tk, phi3, turns)
	if err != nil {
		t.Fatal(err)
	}
	if want := "<s><|user|>\nWhat is the capital of France? <|end|><|end|>\n<|assistant|>\n"; tk.Decode(ids) != want {
		t.Errorf("%q, want %q", tk.Decode(ids), want)
	}
	end := slices.Index(v.Tokens, "<|end|>")
	if n := len(ids) - len(slices.DeleteFunc(slices.Clone(ids), func(id int) bool { return id == end })); n != 1 || ids[0] != v.BOS {
		t.Errorf("%d ends in %v", n, ids)
	}
	if n, err := CountChat(tk, phi3, turns); err != nil || n != len(ids) {
		t.Errorf("counted %d of %d, %v", n, len(ids), err)
	}
	if n, err := tk.Count("", true); err != nil || n != 0 {
		t.Errorf("nothing counts %d, %v", n, err)
	}
}

// What is encoded comes back.
func TestDecode(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"testdata/bpe.gguf", demoModel} {
		v := vocab(t, file)
		// Some merges of the golden vocabulary make no token: those are lost.
		for _, m := range v.Merges {
			if whole := strings.Replace(m, " ", "", 1); !slices.Contains(v.Tokens, whole) {
				v.Tokens, v.Types = append(v.Tokens, whole), append(v.Types, gguf.TokenNormal)
			}
		}
		tk := newTokenizer(t, v)
		for _, text := range texts(400) {
			// NUL ends pieces, U+2581 is SentencePiece's space.
			if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00▁") {
				continue
			}
			ids, err := tk.Encode(text, false)
			if err != nil {
				t.Fatal(err)
			}
			if got := tk.Decode(ids); got != text {
				t.Errorf("%s: %q comes back as %q", file, text, got)
			}
		}
		if tk.Piece(-1) != "" || tk.Piece(tk.Size()) != "" {
			t.Error("numbers of no token stand for something")
		}
	}
}

func TestUnsupported(t *testing.T) {
	t.Parallel()
	base := func() gguf.Vocab { return vocab(t, "testdata/bpe.gguf") }
	for name, tc := range map[string]struct {
		change func(*gguf.Vocab)
		want   error
	}{
		"another model":      {func(v *gguf.Vocab) { v.Model = "t5" }, ErrUnsupported},
		"unknown splitter":   {func(v *gguf.Vocab) { v.Pre = "next-year" }, ErrUnsupported},
		"no bytes":           {func(v *gguf.Vocab) { v.Model = "llama" }, ErrUnsupported},
		"no tokens":          {func(v *gguf.Vocab) { *v = gguf.Vocab{Model: "gpt2"} }, ErrMalformed},
		"a token twice":      {func(v *gguf.Vocab) { v.Tokens[1] = v.Tokens[0] }, ErrMalformed},
		"scores of others":   {func(v *gguf.Vocab) { v.Scores = []float32{1} }, ErrMalformed},
		"BOS out of bounds":  {func(v *gguf.Vocab) { yes := true; v.AddBOS, v.BOS = &yes, 1<<20 }, ErrMalformed},
		"no BOS to be added": {func(v *gguf.Vocab) { yes := true; v.AddBOS, v.BOS, v.Pre = &yes, -1, "glm4" }, ErrMalformed},
	} {
		v := base()
		tc.change(&v)
		if _, err := New(v); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	tk := newTokenizer(t, base())
	if _, err := tk.Encode(strings.Repeat("x", MaxText+1), false); !errors.Is(err, ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
}

// Texts made to be slow are not: the time grows with the length, nearly.
func TestLongRuns(t *testing.T) {
	t.Parallel()
	for _, va := range variants() {
		v := vocab(t, "testdata/"+va.file)
		va.change(&v)
		tk := newTokenizer(t, v)
		for _, text := range []string{" ", "a", "ab", "\n", "'", "é", "aB", "1", "<", "<|im_start|>", "~", "\u0301"} {
			text = strings.Repeat(text, 60_000/len(text))
			ids, err := tk.Encode(text, true)
			if err != nil || len(ids) == 0 {
				t.Errorf("%s: %.10q…: %d tokens, %v", va.name, text, len(ids), err)
			}
		}
	}
}

// A thousand special tokens cost no more than one.
func TestManySpecials(t *testing.T) {
	t.Parallel()
	v := vocab(t, "testdata/bpe.gguf")
	for i := range 5000 {
		v.Tokens, v.Types = append(v.Tokens, fmt.Sprintf("<unused%d>", i)), append(v.Types, gguf.TokenUserDefined)
	}
	v.Tokens, v.Types = append(v.Tokens, "\x01", "\x01\x00"), append(v.Types, gguf.TokenUserDefined, gguf.TokenUserDefined)
	tk := newTokenizer(t, v)
	ids, err := tk.Encode("x<unused7><unused77>\x01<unused5000>\x01\x00", false)
	if want := "x|<unused7>|<unused77>|\x01|<|unused5000>|\x01"; err != nil || len(ids) < 6 || tk.Piece(ids[1]) != "<unused7>" || tk.Piece(ids[2]) != "<unused77>" ||
		tk.Piece(ids[3]) != "\x01" || ids[len(ids)-1] != tk.Size()-1 {
		t.Errorf("%v, %v, want like %q", ids, err, want)
	}
	if _, err := tk.Encode(strings.Repeat("<unused<", 1<<17), false); err != nil {
		t.Error(err)
	}
}

// A vocabulary may be made so that finding its special tokens takes for ever.
func TestHostileSpecials(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for name, tc := range map[string]struct {
		special func(i int) string
		text    func() string
	}{
		"many in one text": {
			func(i int) string {
				s := string([]byte{byte('a' + i%26), byte('a' + i/26%26), ' ', '!' + byte(i/676)})
				many.WriteString(s)
				return s
			},
			func() string { return strings.Repeat(many.String(), 2) },
		},
		"many that begin alike": {
			func(i int) string { return "ab" + strings.Repeat("c1", i) + "d" },
			func() string { return strings.Repeat("ab1", 50_000) },
		},
	} {
		v := vocab(t, "testdata/bpe.gguf")
		for i := range 15_000 {
			if name != "many in one text" && i >= 4000 {
				break
			}
			v.Tokens, v.Types = append(v.Tokens, tc.special(i)), append(v.Types, gguf.TokenUserDefined)
		}
		tk := newTokenizer(t, v)
		if ids, err := tk.Encode(tc.text(), false); !errors.Is(err, ErrTooLong) {
			t.Errorf("%s: %d tokens, %v", name, len(ids), err)
		}
	}
}

func FuzzEncode(f *testing.F) {
	for _, text := range nasty() {
		f.Add(text, true)
	}
	var all []*Tokenizer
	for _, va := range variants() {
		v := vocab(f, "testdata/"+va.file)
		va.change(&v)
		all = append(all, newTokenizer(f, v))
	}
	f.Fuzz(func(t *testing.T, text string, special bool) {
		for _, tk := range all {
			ids, err := tk.Encode(text, special)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				if id < 0 || id >= tk.Size() {
					t.Fatalf("token %d of %d", id, tk.Size())
				}
			}
		}
	})
}

func FuzzNew(f *testing.F) {
	f.Add("gpt2", "qwen2", "a\nb\nab", "a b", int8(0))
	f.Add("llama", "", "<0x00>\n<s>", "", int8(-1))
	f.Fuzz(func(_ *testing.T, model, pre, tokens, merges string, bos int8) {
		// A vocabulary of a stranger is refused or works; it never panics.
		tk, err := New(gguf.Vocab{Model: model, Pre: pre, Tokens: strings.Split(tokens, "\n"), Merges: strings.Split(merges, "\n"), BOS: int(bos), EOS: int(bos)})
		if err == nil {
			_, _ = tk.EncodePrompt("ab ba <s> é", true)
		}
	})
}
