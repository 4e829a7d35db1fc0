package infer

import (
	"encoding/json"

	"infernet.tech/infernet/exec/engine/openai"
)

// Fields beyond OpenAI's that a replay knows, and those that change nothing
// about what a model says.
const (
	extraTopK       = "top_k"
	extraMinP       = "min_p"
	extraRepeat     = "repeat_penalty"
	extraRepetition = "repetition_penalty"
	extraSalt       = "cache_salt"
)

// drawing is how the answer to a request is chosen, read from its body.
type drawing struct {
	sampling openai.Sampling
	extra    map[string]json.RawMessage
	request  openai.ReplayRequest // its prompt
	tools    bool
}

// readDrawing reads the request of a chat or a completion.
func readDrawing(path string, body []byte) (d drawing, ok bool) {
	switch path {
	case "/v1/chat/completions":
		in, err := openai.DecodeChat(body)
		if err != nil {
			return d, false
		}
		d.sampling, d.extra, d.tools = in.Sampling, in.Extra, len(in.Tools) > 0
		d.request.Messages = in.Messages
	case "/v1/completions":
		in, err := openai.DecodeCompletion(body)
		if err != nil || in.Prompt.Len() != 1 || in.Suffix != "" || in.Echo || in.BestOf != nil && *in.BestOf != in.Choices() {
			return d, false
		}
		d.sampling, d.extra = in.Sampling, in.Extra
		if len(in.Prompt.Texts) == 1 {
			d.request.Prompt = in.Prompt.Texts[0]
		} else {
			d.request.PromptTokenIDs = in.Prompt.Tokens[0]
		}
	default:
		return d, false
	}
	return d, d.plain()
}

// plain says whether all that decides the answer can be told to a replay.
func (d *drawing) plain() bool {
	s := d.sampling
	if d.tools || s.ResponseFormat != nil && s.ResponseFormat.Type != "text" {
		return false
	}
	r := &d.request
	r.Temperature, r.TopP, r.Seed = s.Temperature, s.TopP, s.Seed
	r.PresencePenalty, r.FrequencyPenalty, r.LogitBias = s.PresencePenalty, s.FrequencyPenalty, s.LogitBias
	var repeat, repetition float64
	into := map[string]any{extraTopK: &r.TopK, extraMinP: &r.MinP, extraRepeat: &repeat, extraRepetition: &repetition, extraSalt: new(string)}
	for name, raw := range d.extra {
		place, known := into[name]
		if !known && !harmless(name) || known && json.Unmarshal(raw, place) != nil {
			return false
		}
	}
	r.RepetitionPenalty = max(repeat, repetition)
	return true
}

// harmless are fields that change nothing about an answer.
func harmless(name string) bool {
	switch name {
	case "metadata", "store", "service_tier", "prompt_cache_key", "safety_identifier", "user":
		return true
	}
	return false
}

// temperature is the one of the request, 1 where it does not say.
func temperature(p *float64) float64 {
	if p == nil {
		return 1
	}
	return *p
}

// claim is an answer as it is replayed, and what can be said of it without.
type claim struct {
	req  openai.ReplayRequest
	text string
	// early says that the answer ended by its length before its length was
	// reached, which needs no replay to be seen.
	early bool
	stops bool // texts may have ended it
}

// size is about what it takes in memory, in bytes.
func (c *claim) size() int {
	n := len(c.text) + len(c.req.Prompt) + 20*(len(c.req.TokenIDs)+len(c.req.PromptTokenIDs)) + 256
	for _, m := range c.req.Messages {
		n += len(m.Content.String()) + 64
	}
	return n
}

// completionTokens is how long a completion is where nobody says.
const completionTokens = 16

// claimOf makes the claim of what was heard; false when it cannot be replayed.
// in are the prompt's tokens as they were counted, context how many the
// provider's model holds, 0 when that is not known.
func claimOf(q *query, h *heard, in uint64, context uint32) (claim, bool) {
	// Without its tokens an answer may be spelt by others than were drawn; one
	// of nothing has none.
	if h.lost || len(h.ids) == 0 && (len(h.text) > 0 || h.finish != openai.FinishStop) {
		return claim{}, false
	}
	d, ok := readDrawing(q.Path, q.body)
	if !ok {
		return claim{}, false
	}
	c := claim{req: d.request, text: string(h.text), stops: len(d.sampling.Stop) > 0}
	c.req.TokenIDs, c.req.Choice = h.ids, h.choice
	switch {
	case h.finish == openai.FinishStop && !c.stops:
		c.req.FinishReason = openai.FinishStop
	case h.finish == openai.FinishLength:
		most := d.sampling.MaxOutput()
		if most == 0 && q.Path == "/v1/completions" {
			most = completionTokens
		}
		full := context == 0 || in+uint64(len(h.ids))+1 >= uint64(context)
		c.early = !full && (most == 0 || len(h.ids) < most)
	}
	return c, true
}
