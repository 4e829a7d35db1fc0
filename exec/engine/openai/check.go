package openai

// Bounds that OpenAI documents, or that keep a number from being absurd.
const (
	maxModelName   = 256
	maxChoices     = 128
	maxTopLogprobs = 20
	maxStopBytes   = 1024
	maxOutput      = 1 << 30
)

// MaxOutput is the most tokens that the answer may have, 0 when the request
// does not say.
func (s *Sampling) MaxOutput() int {
	switch {
	case s.MaxCompletionTokens != nil:
		return *s.MaxCompletionTokens
	case s.MaxTokens != nil:
		return *s.MaxTokens
	}
	return 0
}

// Choices is the number of answers that are asked for.
func (s *Sampling) Choices() int {
	if s.N == nil {
		return 1
	}
	return *s.N
}

// Deterministic says whether the same request gives the same answer again, as
// far as an engine can: temperature 0, or a seed.
func (s *Sampling) Deterministic() bool {
	return s.Temperature != nil && *s.Temperature == 0 || s.Seed != nil
}

// check refuses numbers that mean nothing.
func (s *Sampling) check() error {
	for _, c := range []struct {
		name     string
		v        *float64
		min, max float64
	}{
		{"temperature", s.Temperature, 0, 2}, {"top_p", s.TopP, 0, 1},
		{"presence_penalty", s.PresencePenalty, -2, 2}, {"frequency_penalty", s.FrequencyPenalty, -2, 2},
	} {
		if c.v != nil && (*c.v < c.min || *c.v > c.max) {
			return BadRequest(c.name, "must be from %g to %g", c.min, c.max)
		}
	}
	for _, c := range []struct {
		name     string
		v        *int
		min, max int
	}{{"max_tokens", s.MaxTokens, 0, maxOutput}, {"max_completion_tokens", s.MaxCompletionTokens, 1, maxOutput}, {"n", s.N, 1, maxChoices}} {
		if err := within(c.name, c.v, c.min, c.max); err != nil {
			return err
		}
	}
	for _, stop := range s.Stop {
		if stop == "" || len(stop) > maxStopBytes {
			return BadRequest("stop", "each must be of 1 to %d bytes", maxStopBytes)
		}
	}
	for _, bias := range s.LogitBias {
		if bias < -100 || bias > 100 {
			return BadRequest("logit_bias", "each must be from -100 to 100")
		}
	}
	if s.StreamOptions != nil && !s.Stream {
		return BadRequest("stream_options", "only allowed when stream is true")
	}
	return s.ResponseFormat.check()
}

// check refuses forms of answer that nobody knows. Whether a schema makes sense
// is the engine's to say.
func (f *ResponseFormat) check() error {
	if f == nil {
		return nil
	}
	switch f.Type {
	case "text", "json_object":
		return nil
	case "json_schema":
		if f.JSONSchema == nil {
			return BadRequest("response_format.json_schema", "is required")
		}
		// true and false are schemas too, but nobody asks for them.
		if s := f.JSONSchema.Schema; len(s) == 0 || s[0] != '{' {
			return BadRequest("response_format.json_schema.schema", "must be a JSON object")
		}
		return nil
	}
	return BadRequest("response_format.type", "must be text, json_object or json_schema, not %.64q", f.Type)
}

func within(name string, v *int, low, high int) error {
	if v != nil && (*v < low || *v > high) {
		return BadRequest(name, "must be from %d to %d", low, high)
	}
	return nil
}

func checkModel(model string) error {
	switch {
	case model == "":
		return BadRequest("model", "is required")
	case len(model) > maxModelName:
		return BadRequest("model", "longer than %d bytes", maxModelName)
	}
	return nil
}

func (r *ChatRequest) check() error {
	if err := checkModel(r.Model); err != nil {
		return err
	}
	if len(r.Messages) == 0 {
		return BadRequest("messages", "at least one message is required")
	}
	if r.MaxTokens != nil && *r.MaxTokens < 1 {
		return BadRequest("max_tokens", "must be at least 1")
	}
	if r.TopLogprobs != nil && !r.Logprobs {
		return BadRequest("top_logprobs", "only allowed when logprobs is true")
	}
	if err := within("top_logprobs", r.TopLogprobs, 0, maxTopLogprobs); err != nil {
		return err
	}
	return r.Sampling.check()
}

func (r *CompletionRequest) check() error {
	if err := checkModel(r.Model); err != nil {
		return err
	}
	if r.Prompt.Len() == 0 {
		return BadRequest("prompt", "is required")
	}
	if err := within("logprobs", r.Logprobs, 0, maxTopLogprobs); err != nil {
		return err
	}
	if err := within("best_of", r.BestOf, 1, maxChoices); err != nil {
		return err
	}
	return r.Sampling.check()
}

func (r *EmbeddingRequest) check() error {
	if err := checkModel(r.Model); err != nil {
		return err
	}
	if r.Input.Len() == 0 {
		return BadRequest("input", "is required")
	}
	for _, s := range r.Input.Texts {
		if s == "" {
			return BadRequest("input", "must not be empty")
		}
	}
	switch r.EncodingFormat {
	case "", "float", "base64":
	default:
		return BadRequest("encoding_format", "must be float or base64")
	}
	return within("dimensions", r.Dimensions, 1, 1<<16)
}

func (r *ReplayRequest) check() error {
	prompts := 0
	for _, there := range []bool{len(r.PromptTokenIDs) > 0, r.Prompt != "", len(r.Messages) > 0} {
		if there {
			prompts++
		}
	}
	if prompts != 1 {
		return BadRequest("prompt", "one of prompt_token_ids, prompt and messages is required")
	}
	switch r.FinishReason {
	case "", FinishLength, FinishStop:
	default:
		return BadRequest("finish_reason", "must be %s or %s", FinishStop, FinishLength)
	}
	ids, text := len(r.TokenIDs) > 0, r.Completion != ""
	if ids && text || !ids && !text && r.FinishReason != FinishStop {
		return BadRequest("token_ids", "one of token_ids and completion is required")
	}
	switch {
	case r.TopK < -1:
		return BadRequest("top_k", "must be -1 or more")
	case r.MinP < 0 || r.MinP > 1:
		return BadRequest("min_p", "must be from 0 to 1")
	case r.RepetitionPenalty < 0 || r.RepetitionPenalty > 10:
		return BadRequest("repetition_penalty", "must be above 0 and at most 10")
	case r.Choice < 0 || r.Choice >= maxChoices:
		return BadRequest("choice", "must be from 0 to %d", maxChoices-1)
	}
	drawn := Sampling{Temperature: r.Temperature, TopP: r.TopP, PresencePenalty: r.PresencePenalty, FrequencyPenalty: r.FrequencyPenalty, LogitBias: r.LogitBias}
	return drawn.check()
}
