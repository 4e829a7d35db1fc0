package tokens

import (
	"fmt"
	"strings"

	"infernet.tech/infernet/exec/engine/gguf"
)

// blank is SentencePiece's sign for a space, U+2581.
const blank = "\u2581"

// spm merges neighbours as long as they make a token together, those of the
// highest score first.
type spm struct {
	t      *Tokenizer
	scores []float32
	bytes  [256]int32 // tokens of what is no token itself
	prefix bool       // a space goes before the first text
}

func (t *Tokenizer) sentencePiece(v gguf.Vocab) error {
	m := &spm{t: t, scores: v.Scores, prefix: true}
	if len(m.scores) == 0 {
		m.scores = make([]float32, len(t.texts))
	}
	if v.AddSpacePrefix != nil {
		m.prefix = *v.AddSpacePrefix
	}
	for b := range 256 {
		id, ok := t.ids[fmt.Sprintf("<0x%02X>", b)]
		if !ok {
			id, ok = t.ids[string([]byte{byte(b)})]
		}
		if !ok {
			return fmt.Errorf("%w: SentencePiece without a token for every byte", ErrUnsupported)
		}
		m.bytes[b] = id
	}
	t.addBOS = true
	if t.bos < 0 {
		t.bos = 1
	}
	if t.eos < 0 {
		t.eos = 2
	}
	t.model = m
	t.pieces = make([]string, len(t.texts))
	for id, text := range t.texts {
		switch t.types[id] {
		case gguf.TokenControl, gguf.TokenUnknown, gguf.TokenUserDefined:
			t.pieces[id] = text
		case gguf.TokenNormal:
			t.pieces[id] = strings.ReplaceAll(text, blank, " ")
		case gguf.TokenByte:
			var b byte
			if _, err := fmt.Sscanf(text, "<0x%02X>", &b); err != nil {
				return fmt.Errorf("%w: byte token %.20q", ErrMalformed, text)
			}
			t.pieces[id] = string([]byte{b})
		case gguf.TokenUndefined, gguf.TokenUnused:
		}
		// The engine takes pieces from C, which ends them there.
		t.pieces[id] = strings.TrimRight(t.pieces[id], "\x00")
	}
	return nil
}

// part is a stretch of the text; those that are merged away have no end.
type part struct {
	from, end  int
	prev, next int
}

// pair is two neighbours that make a token.
type pair struct {
	score       float32
	left, right int
	size        int // bytes of both; another size later means that it is stale
}

func (p pair) Before(q pair) bool {
	return p.score > q.score || p.score == q.score && p.left < q.left
}

func (m *spm) encode(out []int, text string, first bool) []int {
	if m.prefix && first {
		text = " " + text
	}
	text = strings.ReplaceAll(text, " ", blank)
	parts := characters(text)
	var queue heap[pair]
	try := func(left, right int) {
		if left < 0 || right < 0 || parts[right].end-parts[left].from > m.t.longest {
			return
		}
		if id, ok := m.t.ids[text[parts[left].from:parts[right].end]]; ok {
			queue.push(pair{m.scores[id], left, right, parts[right].end - parts[left].from})
		}
	}
	for i := 1; i < len(parts); i++ {
		try(i-1, i)
	}
	for len(queue) > 0 {
		p := queue.pop()
		left, right := &parts[p.left], &parts[p.right]
		if left.end == left.from || right.end == right.from || right.end-left.from != p.size {
			continue
		}
		left.end, right.from = right.end, right.end
		left.next = right.next
		if right.next >= 0 {
			parts[right.next].prev = p.left
		}
		try(left.prev, p.left)
		try(p.left, left.next)
	}
	for i := 0; i >= 0 && i < len(parts); i = parts[i].next {
		s := text[parts[i].from:parts[i].end]
		if id, ok := m.t.ids[s]; ok {
			out = append(out, int(id))
			continue
		}
		for _, b := range []byte(s) {
			out = append(out, int(m.bytes[b]))
		}
	}
	return out
}

// characters cuts a text as its first bytes tell, also where it is no UTF-8.
func characters(text string) []part {
	parts := make([]part, 0, len(text))
	for at := 0; at < len(text); {
		n := 1
		switch b := text[at] >> 4; {
		case b >= 0xF:
			n = 4
		case b == 0xE:
			n = 3
		case b >= 0xC:
			n = 2
		}
		end := min(at+n, len(text))
		next := len(parts) + 1
		if end == len(text) {
			next = -1
		}
		parts = append(parts, part{at, end, len(parts) - 1, next})
		at = end
	}
	return parts
}
