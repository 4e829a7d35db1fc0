package main

import (
	"net/http"
	"strings"

	"infernet.tech/infernet/exec/engine/openai"
)

// countTokens answers POST /tokenize.
func (s *server) countTokens(w http.ResponseWriter, _ *http.Request, body []byte) error {
	in, err := openai.DecodeTokenize(body)
	if err != nil {
		return err
	}
	if err := s.serves(in.Model); err != nil {
		return err
	}
	var tokens []int
	if len(in.Messages) > 0 {
		tokens, err = s.conversation(in.Messages)
	} else {
		tokens, err = s.plain(in.Prompt, in.AddSpecialTokens == nil || *in.AddSpecialTokens)
	}
	if err != nil {
		return err
	}
	return reply(w, openai.TokenizeResponse{Count: len(tokens), MaxModelLen: s.size, Tokens: append([]int{}, tokens...)})
}

// showTokens answers POST /detokenize.
func (s *server) showTokens(w http.ResponseWriter, _ *http.Request, body []byte) error {
	in, err := openai.DecodeDetokenize(body)
	if err != nil {
		return err
	}
	if err := s.serves(in.Model); err != nil {
		return err
	}
	if err := s.known("tokens", in.Tokens); err != nil {
		return err
	}
	// A token is written in two bytes and may stand for hundreds.
	bytes := 0
	for _, t := range in.Tokens {
		if bytes += len(s.pieces[t]); bytes > maxBody {
			return openai.BadRequest("tokens", "stand for a text of more than %d bytes", maxBody)
		}
	}
	return reply(w, openai.DetokenizeResponse{Prompt: s.text(in.Tokens)})
}

// text is what tokens stand for, with U+FFFD for what is no character.
func (s *server) text(tokens []int) string {
	var out strings.Builder
	var a assembler
	for _, t := range tokens {
		more, _ := a.add(s.pieces[t])
		out.WriteString(more)
	}
	out.WriteString(a.close())
	return out.String()
}
