package tokens

import (
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
	// byFirst has the places in all of those that begin with a byte, so that
	// a text is searched only for what it can hold.
	byFirst map[byte][]int
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
	s.byFirst = map[byte][]int{}
	for i, sp := range s.all {
		s.byFirst[sp.text[0]] = append(s.byFirst[sp.text[0]], i)
	}
	return s
}

func containsAny(s string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, p) })
}

// split finds the special tokens in a text: each in turn cuts what those
// before it left.
func (s specials) split(text string, control bool) []fragment {
	if text == "" {
		return nil
	}
	parts := []fragment{{text, -1}}
	for _, i := range s.within(text, control) {
		parts = s.all[i].cut(parts)
	}
	return parts
}

// within lists the special tokens that a text holds, in their order.
func (s specials) within(text string, control bool) []int {
	var found []int
	var seen map[int]bool
	for at := range len(text) {
		for _, i := range s.byFirst[text[at]] {
			if sp := s.all[i]; (control || sp.always) && !seen[i] && strings.HasPrefix(text[at:], sp.text) {
				if seen == nil {
					seen = map[int]bool{}
				}
				seen[i] = true
				found = append(found, i)
			}
		}
	}
	slices.Sort(found)
	return found
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
