package grammar

import (
	"math"
	"slices"
	"strings"
)

// Vocabulary is a model's tokens by their text, arranged to find those that
// may come next. It does not change and may be shared.
type Vocabulary struct {
	pieces []string
	ends   []bool
	sorted []int32 // tokens with a text, in its order
}

// NewVocabulary arranges tokens. Those with ends set end an answer; an empty
// piece is never allowed.
func NewVocabulary(pieces []string, ends []bool) *Vocabulary {
	v := &Vocabulary{pieces: pieces, ends: ends}
	for token, piece := range pieces {
		if piece != "" && !ends[token] {
			v.sorted = append(v.sorted, int32(token))
		}
	}
	slices.SortFunc(v.sorted, func(a, b int32) int { return strings.Compare(pieces[a], pieces[b]) })
	return v
}

// Form follows one answer. It is not safe for use by several at once.
type Form struct {
	vocab *Vocabulary
	f     *follower
	at    int32
}

// Start begins to follow an answer. Errors: ErrReadings.
func (g *Grammar) Start(v *Vocabulary) (*Form, error) {
	f, at := newFollower(g)
	if at == dead {
		return nil, ErrReadings
	}
	return &Form{v, f, at}, nil
}

// Allows says whether a token may come next.
func (m *Form) Allows(token int) bool {
	if m.at == dead {
		return false
	}
	if m.vocab.ends[token] {
		return m.Complete()
	}
	piece := m.vocab.pieces[token]
	return piece != "" && m.f.walk(m.at, piece) != dead
}

// Mask sets the logits of all tokens that may not come next to -Inf.
func (m *Form) Mask(logits []float32) {
	allowed := make([]bool, len(logits))
	if m.at != dead {
		m.mark(allowed)
	}
	for token := range logits {
		if !allowed[token] {
			logits[token] = float32(math.Inf(-1))
		}
	}
}

// mark walks the tokens in the order of their texts, so that what two have in
// common is walked once, and all that follow a dead end are passed over.
func (m *Form) mark(allowed []bool) {
	path, states := "", []int32{m.at} // the state after each byte of path
	for _, token := range m.vocab.sorted {
		piece := m.vocab.pieces[token]
		n := shared(path, piece)
		if n == len(path) && states[n] == dead {
			continue // path stops at its dead end
		}
		states = states[:n+1]
		for n < len(piece) && states[n] != dead {
			states = append(states, m.f.step(states[n], piece[n]))
			n++
		}
		path = piece[:n]
		allowed[token] = states[n] != dead
	}
	for token, ends := range m.vocab.ends {
		if ends {
			allowed[token] = m.Complete()
		}
	}
}

// Accept takes a token into the answer. One that is not allowed leaves
// nothing that is.
func (m *Form) Accept(token int) {
	if m.at == dead || m.vocab.ends[token] {
		return
	}
	m.f.budget += tokenWork
	m.at = m.f.trim(m.f.walk(m.at, m.vocab.pieces[token]))
}

// Complete says whether the answer may end here.
func (m *Form) Complete() bool { return m.at != dead && m.f.states[m.at].end }

// Err is ErrReadings when a bound was met, so that nothing is allowed for no
// fault of the model.
func (m *Form) Err() error {
	if m.f.over {
		return ErrReadings
	}
	return nil
}

func shared(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
