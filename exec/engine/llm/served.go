package main

import (
	"infernet.tech/infernet/exec/engine/chat"
	"infernet.tech/infernet/exec/engine/openai"
)

// served is a loaded model with what serving it needs at hand.
type served struct {
	*engine
	pieces   []string // the text of each token
	longest  int      // bytes of the longest piece
	terminal []bool   // tokens that end an answer
}

func newServed(e *engine) *served {
	s := &served{engine: e, pieces: make([]string, e.model.NumVocab()), longest: 1}
	s.terminal = make([]bool, len(s.pieces))
	for t := range s.pieces {
		s.pieces[t] = e.model.TokenToPiece(t)
		s.longest = max(s.longest, len(s.pieces[t]))
		s.terminal[t] = e.ends(t)
	}
	return s
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
	more, err := s.model.Tokenize(text, false, false)
	return append(tokens, more...), err
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
