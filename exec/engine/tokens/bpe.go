package tokens

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"infernet.tech/infernet/exec/engine/gguf"
)

// bpe cuts a text into words and merges the bytes of each, the merge of the
// lowest rank first.
type bpe struct {
	split  splitter
	class  *classes
	whole  map[string]int32 // a word's own token; nil where merges rule alone
	single [256]int32       // piece of each byte
	merges map[uint64]merge // by the pieces on the left and right
	tokens []bytesOrToken   // by piece
}

// merge is what two pieces become.
type merge struct{ rank, piece int32 }

// bytesOrToken is a piece's token, or what stands for it where it has none.
type bytesOrToken struct {
	id    int32
	spelt []int
}

func (t *Tokenizer) bytePair(v gguf.Vocab) error {
	kind, err := preTokenizer(v.Pre)
	if err != nil {
		return err
	}
	class, err := newClasses()
	if err != nil {
		return err
	}
	m := &bpe{split: kind.split, class: class, merges: make(map[uint64]merge, len(v.Merges))}
	t.model, t.addBOS = m, kind.addBOS
	// llama.cpp has 11, the end of a text in its first such model.
	if t.bos < 0 && !kind.noBOS {
		t.bos = 11
	}
	if t.eos < 0 {
		t.eos = 11
	}
	chars, bytes := byteAlphabet()
	t.pieces = make([]string, len(t.texts))
	for id, text := range t.texts {
		switch t.types[id] {
		case gguf.TokenControl, gguf.TokenUnknown, gguf.TokenUserDefined:
			t.pieces[id] = text
		case gguf.TokenNormal:
			t.pieces[id] = decodeBytes(text, bytes)
		case gguf.TokenUndefined, gguf.TokenUnused, gguf.TokenByte:
		}
		t.pieces[id] = strings.TrimRight(t.pieces[id], "\x00")
	}
	m.learn(t, v.Merges, chars)
	if kind.wholeWords {
		m.whole = wholeWords(t, bytes)
	}
	return nil
}

// byteAlphabet is GPT-2's way to write every byte as a visible character.
func byteAlphabet() (chars [256]string, bytes map[rune]byte) {
	bytes = map[rune]byte{}
	next := rune(256)
	for b := range 256 {
		r := rune(b)
		if visible := b >= 0x21 && b <= 0x7E || b >= 0xA1 && b <= 0xAC || b >= 0xAE; !visible {
			r = next
			next++
		}
		chars[b], bytes[r] = string(r), byte(b)
	}
	return chars, bytes
}

// decodeBytes undoes the alphabet. What is not of it is written as llama.cpp
// writes it.
func decodeBytes(text string, bytes map[rune]byte) string {
	var out strings.Builder
	for _, r := range text {
		if b, ok := bytes[r]; ok {
			out.WriteByte(b)
			continue
		}
		fmt.Fprintf(&out, "[UNK_BYTE_0x%x%s]", string(r), text)
	}
	return out.String()
}

// wholeWords maps the bytes of a word to its token.
func wholeWords(t *Tokenizer, bytes map[rune]byte) map[string]int32 {
	words := make(map[string]int32, len(t.texts))
	var raw []byte
next:
	for id, text := range t.texts {
		raw = raw[:0]
		for _, r := range text {
			b, ok := bytes[r]
			if !ok {
				continue next // no text becomes this one
			}
			raw = append(raw, b)
		}
		words[string(raw)] = int32(id)
	}
	return words
}

// learn gives every text that merges can make a number, so that merging
// compares no texts.
func (m *bpe) learn(t *Tokenizer, merges []string, chars [256]string) {
	pieces := map[string]int32{}
	number := func(s string) int32 {
		if n, ok := pieces[s]; ok {
			return n
		}
		n := int32(len(pieces))
		pieces[s] = n
		m.tokens = append(m.tokens, tokenOf(t, s))
		return n
	}
	for b, s := range chars {
		m.single[b] = number(s)
	}
	for rank, line := range merges {
		if line == "" {
			continue
		}
		// The first character may be a space itself.
		at := strings.IndexByte(line[1:], ' ')
		if at < 0 {
			continue
		}
		left, right := line[:at+1], line[at+2:]
		key := pairKey(number(left), number(right))
		if _, twice := m.merges[key]; !twice {
			m.merges[key] = merge{int32(rank), number(left + right)}
		}
	}
}

func pairKey(left, right int32) uint64 { return uint64(uint32(left))<<32 | uint64(uint32(right)) }

// tokenOf finds the token of a piece. One without is written byte by byte, and
// bytes without a token are lost, as llama.cpp does it.
func tokenOf(t *Tokenizer, s string) bytesOrToken {
	if id, ok := t.ids[s]; ok {
		return bytesOrToken{id: id}
	}
	out := bytesOrToken{id: -1}
	for i := range len(s) {
		if id, ok := t.ids[s[i:i+1]]; ok {
			out.spelt = append(out.spelt, int(id))
		}
	}
	return out
}

func (m *bpe) encode(out []int, text string, _ bool) []int {
	text = repaired(text)
	var w word
	for _, end := range m.split(m.class, text) {
		out = m.word(out, text[:end], &w)
		text = text[end:]
	}
	return out
}

// repaired is the text as llama.cpp reads it: every byte that is not part of a
// character is U+FFFD.
func repaired(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return strings.Map(func(r rune) rune { return r }, text)
}

func (m *bpe) word(out []int, text string, w *word) []int {
	if id, ok := m.whole[text]; ok {
		return append(out, int(id))
	}
	for _, piece := range w.merge(m, text) {
		if t := m.tokens[piece]; t.id >= 0 {
			out = append(out, int(t.id))
		} else {
			out = append(out, t.spelt...)
		}
	}
	return out
}
