package main

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"

	"infernet.tech/infernet/exec/engine/llm/grammar"
	"infernet.tech/infernet/exec/engine/llm/sample"
	"infernet.tech/infernet/exec/engine/openai"
)

const (
	maxSalt  = 256 // bytes of a cache_salt
	maxStops = 16  // texts, each of which is looked for after every token
)

// ask is what a request wants, whichever path it came by.
type ask struct {
	prompt   []int
	n        int
	max      int // tokens of each answer
	logprobs int // -1: none
	stops    []string
	params   sample.Params
	form     *grammar.Grammar // nil: free text
	salt     string
	stream   bool
	usage    bool // at the end of a stream
	ids      bool // token numbers are wanted
}

// extras are the fields beyond OpenAI's that this engine knows; the names are
// those of vLLM and llama.cpp.
type extras struct {
	TopK              int     `json:"top_k"`
	MinP              float64 `json:"min_p"`
	RepeatPenalty     float64 `json:"repeat_penalty"`
	RepetitionPenalty float64 `json:"repetition_penalty"`
	CacheSalt         string  `json:"cache_salt"`
	Grammar           string  `json:"grammar"`
}

// newAsk reads what chats and completions have in common. fallback is the
// most tokens of an answer where the request does not say.
func (s *server) newAsk(in openai.Sampling, extra map[string]json.RawMessage, fallback int) (ask, error) {
	x, err := readExtras(extra)
	if err != nil {
		return ask{}, err
	}
	a := ask{
		n: in.Choices(), max: in.MaxOutput(), logprobs: -1, stops: in.Stop, salt: x.CacheSalt,
		stream: in.Stream, usage: in.StreamOptions != nil && in.StreamOptions.IncludeUsage, ids: in.ReturnTokenIDs,
		params: sample.Params{
			Temperature: value(in.Temperature, 1), TopK: max(0, x.TopK), TopP: value(in.TopP, 1), MinP: x.MinP,
			Frequency: value(in.FrequencyPenalty, 0), Presence: value(in.PresencePenalty, 0),
			Repeat: max(x.RepeatPenalty, x.RepetitionPenalty), Seed: rand.Uint64(),
		},
	}
	if a.max == 0 {
		a.max = fallback
	}
	if in.Seed != nil {
		a.params.Seed = uint64(*in.Seed)
	}
	if len(a.stops) > maxStops {
		return a, openai.BadRequest("stop", "at most %d texts", maxStops)
	}
	if a.n > s.sched.limit {
		return a, openai.BadRequest("n", "at most %d answers at once", s.sched.limit)
	}
	if a.params.Bias, err = s.bias(in.LogitBias); err != nil {
		return a, err
	}
	a.form, err = s.form(in.ResponseFormat, x.Grammar)
	return a, err
}

func readExtras(extra map[string]json.RawMessage) (extras, error) {
	var x extras
	for name, into := range map[string]any{
		"top_k": &x.TopK, "min_p": &x.MinP, "repeat_penalty": &x.RepeatPenalty,
		"repetition_penalty": &x.RepetitionPenalty, "cache_salt": &x.CacheSalt, "grammar": &x.Grammar,
	} {
		if raw, ok := extra[name]; ok && json.Unmarshal(raw, into) != nil {
			return x, openai.BadRequest(name, "is of the wrong type")
		}
	}
	switch {
	case x.TopK < -1:
		return x, openai.BadRequest("top_k", "must be -1 or more")
	case x.MinP < 0 || x.MinP > 1:
		return x, openai.BadRequest("min_p", "must be from 0 to 1")
	case x.RepeatPenalty < 0 || x.RepeatPenalty > 10:
		return x, openai.BadRequest("repeat_penalty", "must be above 0 and at most 10")
	case x.RepetitionPenalty < 0 || x.RepetitionPenalty > 10:
		return x, openai.BadRequest("repetition_penalty", "must be above 0 and at most 10")
	case len(x.CacheSalt) > maxSalt:
		return x, openai.BadRequest("cache_salt", "longer than %d bytes", maxSalt)
	}
	return x, nil
}

func (s *server) bias(in map[string]float64) (map[int]float64, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := make(map[int]float64, len(in))
	for key, b := range in {
		token, err := strconv.Atoi(key)
		if err != nil || token < 0 || token >= len(s.pieces) {
			return nil, openai.BadRequest("logit_bias", "%.40q is not a token of the model", key)
		}
		out[token] = b
	}
	return out, nil
}

func value(p *float64, otherwise float64) float64 {
	if p == nil {
		return otherwise
	}
	return *p
}
