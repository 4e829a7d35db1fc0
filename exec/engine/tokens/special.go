package tokens

import (
	"fmt"
	"slices"
	"strings"

	"infernet.tech/infernet/exec/engine/gguf"
)

// special is a token that is found in the text before anything else happens.
type special struct {
	id           int32
	text         string
	always       bool // user-defined: found even where control tokens are not
	strip, strop bool // spaces before, after it belong to it
}

// specials are ordered as they are looked for: the longest first.
type specials struct {
	all []special
	// A text is searched once, however many there are: where the first two
	// bytes fit, texts of the lengths that begin so are looked up.
	byText  map[string]int
	lengths map[[2]byte][]int // by start
	begins  [256]bool         // by first byte
}

// fragment is a text, or a token where token is not negative.
type fragment struct {
	text  string
	token int32
}

func newSpecials(t *Tokenizer, v gguf.Vocab) specials {
	var s specials
	// By name llama.cpp knows models whose tokens swallow spaces.
	phi3 := containsAny(strings.ToLower(v.Name), "phi-3", "phi3")
	jina := containsAny(v.Pre, "jina-v2-de", "jina-v2-es", "jina-v2-code")
	for id, text := range t.texts {
		kind := t.types[id]
		if kind != gguf.TokenControl && kind != gguf.TokenUserDefined && kind != gguf.TokenUnknown {
			continue
		}
		keeps := text == "<unk>" || text == "<s>" || text == "<|endoftext|>"
		s.all = append(s.all, special{int32(id), text, kind == gguf.TokenUserDefined, jina && text == "<mask>", phi3 && !jina && !keeps})
	}
	slices.SortStableFunc(s.all, func(a, b special) int { return len(b.text) - len(a.text) })
	s.byText, s.lengths = map[string]int{}, map[[2]byte][]int{}
	for i, sp := range s.all {
		s.byText[sp.text] = i
		s.begins[sp.text[0]] = true
		if key := start(sp.text); !slices.Contains(s.lengths[key], len(sp.text)) {
			s.lengths[key] = append(s.lengths[key], len(sp.text))
		}
	}
	return s
}

// start is the first two bytes; a text of one byte starts with {b, 0}.
func start(text string) [2]byte {
	if len(text) == 1 {
		return [2]byte{text[0]}
	}
	return [2]byte{text[0], text[1]}
}

func containsAny(s string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, p) })
}

// maxLooks is how many bytes are looked at to find the special tokens of a
// text. A prompt of 4 MiB with those of models in use stays far below; a
// vocabulary made for it would take hours.
const maxLooks = 1 << 28

// split finds the special tokens in a text: each in turn cuts what those
// before it left. looked counts over all parts of a text. Errors: ErrTooLong.
func (s specials) split(text string, control bool, looked *int) ([]fragment, error) {
	if text == "" {
		return nil, nil
	}
	found, looks := s.within(text, control)
	looks += *looked
	defer func() { *looked = looks }()
	parts := []fragment{{text, -1}}
	for _, i := range found {
		const size = 24 // of a fragment, each of which is written anew
		if looks += len(text) + size*len(parts); looks > maxLooks {
			return nil, fmt.Errorf("%w: %d bytes with %d kinds of special tokens", ErrTooLong, len(text), len(found))
		}
		parts = s.all[i].cut(parts)
	}
	if looks > maxLooks {
		return nil, fmt.Errorf("%w: %d bytes with special tokens too much alike", ErrTooLong, len(text))
	}
	return parts, nil
}

// within lists the special tokens that a text holds, in their order, and tells
// how many bytes were looked at. Beyond maxLooks it ends early.
func (s specials) within(text string, control bool) (found []int, looks int) {
	seen := map[int]bool{}
	look := func(text string, lengths []int) {
		for _, n := range lengths {
			if n > len(text) {
				continue
			}
			looks += n
			if i, ok := s.byText[text[:n]]; ok && !seen[i] && (control || s.all[i].always) {
				seen[i] = true
				found = append(found, i)
			}
		}
	}
	for at := 0; at < len(text) && looks <= maxLooks; at++ {
		if !s.begins[text[at]] {
			continue
		}
		one := [2]byte{text[at]}
		look(text[at:], s.lengths[one])
		if two := start(text[at:]); two != one {
			look(text[at:], s.lengths[two])
		}
	}
	slices.Sort(found)
	return found, looks
}

func (sp special) cut(parts []fragment) []fragment {
	var out []fragment
	add := func(text string) {
		if text != "" {
			out = append(out, fragment{text, -1})
		}
	}
	for _, f := range parts {
		if f.token >= 0 {
			out = append(out, f)
			continue
		}
		rest := f.text
		for {
			before, after, found := strings.Cut(rest, sp.text)
			if !found {
				break
			}
			if sp.strip {
				before = strings.TrimRight(before, blanks)
			}
			if sp.strop {
				after = strings.TrimLeft(after, blanks)
			}
			add(before)
			out = append(out, fragment{"", sp.id})
			rest = after
		}
		add(rest)
	}
	return out
}

// blanks is C's isspace.
const blanks = " \t\n\v\f\r"
