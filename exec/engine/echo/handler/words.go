package handler

import (
	"hash/fnv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"infernet.tech/infernet/exec/engine/openai"
)

// maxWord is the longest token in bytes, maxWords how many are remembered.
const (
	maxWord  = 32
	maxWords = 1 << 16
)

// split cuts a text into tokens, which joined are the text again: words, each
// with the blanks before it.
func split(s string) []string {
	var out []string
	for len(s) > 0 {
		n, inWord := 0, false
		for n < len(s) {
			r, size := utf8.DecodeRuneInString(s[n:])
			blank := unicode.IsSpace(r)
			if blank && inWord || n+size > maxWord {
				break
			}
			inWord = inWord || !blank
			n += size
		}
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}

// vocabulary remembers the words that were seen, so that ids can be turned
// into text again.
type vocabulary struct {
	mu    sync.Mutex
	words map[int]string
}

// id is the token's id: a hash, equal everywhere.
func id(word string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(word))
	return int(h.Sum32() & 0x3fffffff)
}

func (v *vocabulary) ids(words []string) []int {
	out := make([]int, len(words))
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.words == nil || len(v.words) > maxWords {
		v.words = map[int]string{}
	}
	for i, w := range words {
		out[i] = id(w)
		v.words[out[i]] = w
	}
	return out
}

// text is what ids say, as far as the words were seen.
func (v *vocabulary) text(ids []int) []string {
	out := make([]string, len(ids))
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, id := range ids {
		out[i] = v.words[id]
	}
	return out
}

// template lays out a conversation: a token before each message and one after
// the last, as templates of real models have. What comes last is repeated.
func template(messages []openai.Message) (prompt []string, last string) {
	for _, m := range messages {
		prompt = append(prompt, "<"+m.Role+">")
		prompt = append(prompt, split(m.Content.String())...)
		last = m.Content.String()
	}
	return append(prompt, "<assistant>"), strings.TrimSpace(last)
}
