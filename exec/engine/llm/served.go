package main

import (
	"slices"
	"sync"

	"infernet.tech/infernet/exec/engine/chat"
	"infernet.tech/infernet/exec/engine/llm/grammar"
	"infernet.tech/infernet/exec/engine/openai"
)

// served is a loaded model with what serving it needs at hand.
type served struct {
	*engine
	pieces   []string // the text of each token
	longest  int      // bytes of the longest piece
	terminal []bool   // tokens that end an answer
	endings  []int    // the same, as a list

	// What only answers of a given form need is made with the first of them.
	vocabulary func() *grammar.Vocabulary
	anyJSON    func() *grammar.Grammar
}

func newServed(e *engine) *served {
	s := &served{engine: e, pieces: make([]string, e.model.NumVocab()), longest: 1, anyJSON: sync.OnceValue(grammar.JSON)}
	s.vocabulary = sync.OnceValue(s.arrange)
	s.terminal = make([]bool, len(s.pieces))
	for t := range s.pieces {
		s.pieces[t] = e.model.TokenToPiece(t)
		s.longest = max(s.longest, len(s.pieces[t]))
		if s.terminal[t] = e.ends(t); s.terminal[t] {
			s.endings = append(s.endings, t)
		}
	}
	return s
}

// arrange makes the vocabulary for answers of a given form. Control tokens are
// no part of it: what stands for them would pass for text.
func (s *served) arrange() *grammar.Vocabulary {
	pieces := slices.Clone(s.pieces)
	for t, piece := range pieces {
		if n := len(piece); n < 3 || piece[0] != '<' && piece[0] != '[' || piece[n-1] != '>' && piece[n-1] != ']' {
			continue
		}
		if as, err := s.model.Tokenize(piece, false, true); err != nil || len(as) == 1 && as[0] == t {
			if plain, err := s.model.Tokenize(piece, false, false); err != nil || len(plain) != 1 {
				pieces[t] = ""
			}
		}
	}
	return grammar.NewVocabulary(pieces, s.terminal)
}

// form is the grammar that an answer is to keep to, nil for free text.
func (s *served) form(f *openai.ResponseFormat, notation string) (*grammar.Grammar, error) {
	free := f == nil || f.Type == "text"
	if notation != "" {
		if !free {
			return nil, openai.BadRequest("grammar", "not beside response_format")
		}
		g, err := grammar.GBNF(notation)
		if err != nil {
			return nil, openai.BadRequest("grammar", "%v", err)
		}
		return g, nil
	}
	if free {
		return nil, nil
	}
	if f.Type == "json_object" {
		return s.anyJSON(), nil
	}
	g, err := grammar.Schema(f.JSONSchema.Schema)
	if err != nil {
		return nil, openai.BadRequest("response_format.json_schema.schema", "%v", err)
	}
	return g, nil
}

func (s *served) ends(token int) bool { return s.terminal[token] }

// fits refuses what cannot fit the context before it is tokenized: a token is
// no longer than the longest piece.
func (s *served) fits(bytes int) error {
	if least := bytes / s.longest; least > s.size {
		return openai.ContextLength(s.size, least)
	}
	return nil
}

// conversation is the prompt of messages. Their text never becomes a control
// token.
func (s *served) conversation(messages []openai.Message) ([]int, error) {
	turns, bytes := make([]chat.Turn, len(messages)), 0
	for i, m := range messages {
		turns[i] = chat.Turn{Role: m.Role, Content: m.Content.String()}
		bytes += len(turns[i].Content)
	}
	if err := s.fits(bytes); err != nil {
		return nil, err
	}
	return s.tokenize(turns)
}

// plain is the prompt of a text that is to be continued, with what the model
// wants in front where special is set.
func (s *served) plain(text string, special bool) ([]int, error) {
	if err := s.fits(len(text)); err != nil {
		return nil, err
	}
	var tokens []int
	if special {
		front, err := s.model.Tokenize("", true, false)
		if err != nil {
			return nil, err
		}
		tokens = front
	}
	return s.encode(tokens, text, false)
}

// known refuses numbers that are no tokens of the model.
func (s *served) known(param string, tokens []int) error {
	for i, t := range tokens {
		if t < 0 || t >= len(s.pieces) {
			return openai.BadRequest(param, "token %d at %d is not one of the model's %d", t, i, len(s.pieces))
		}
	}
	return nil
}
