package openai

// The places of members by name. A switch, because reflection for a handful
// of members costs more than all else that is done to a request.

func (s *Sampling) field(name string) any {
	switch name {
	case "stream":
		return &s.Stream
	case "stream_options":
		return &s.StreamOptions
	case "max_tokens":
		return &s.MaxTokens
	case "max_completion_tokens":
		return &s.MaxCompletionTokens
	case "temperature":
		return &s.Temperature
	case "top_p":
		return &s.TopP
	case "n":
		return &s.N
	case "stop":
		return &s.Stop
	case "seed":
		return &s.Seed
	case "presence_penalty":
		return &s.PresencePenalty
	case "frequency_penalty":
		return &s.FrequencyPenalty
	case "logit_bias":
		return &s.LogitBias
	case "response_format":
		return &s.ResponseFormat
	case "user":
		return &s.User
	case "return_token_ids":
		return &s.ReturnTokenIDs
	}
	return nil
}

func (r *ChatRequest) field(name string) any {
	switch name {
	case "model":
		return &r.Model
	case "messages":
		return &r.Messages
	case "logprobs":
		return &r.Logprobs
	case "top_logprobs":
		return &r.TopLogprobs
	case "tools":
		return &r.Tools
	case "tool_choice":
		return &r.ToolChoice
	case "parallel_tool_calls":
		return &r.ParallelToolCalls
	}
	return r.Sampling.field(name)
}

func (r *CompletionRequest) field(name string) any {
	switch name {
	case "model":
		return &r.Model
	case "prompt":
		return &r.Prompt
	case "suffix":
		return &r.Suffix
	case "echo":
		return &r.Echo
	case "best_of":
		return &r.BestOf
	case "logprobs":
		return &r.Logprobs
	}
	return r.Sampling.field(name)
}

func (r *EmbeddingRequest) field(name string) any {
	switch name {
	case "model":
		return &r.Model
	case "input":
		return &r.Input
	case "encoding_format":
		return &r.EncodingFormat
	case "dimensions":
		return &r.Dimensions
	case "user":
		return &r.User
	}
	return nil
}

func (r *TokenizeRequest) field(name string) any {
	switch name {
	case "model":
		return &r.Model
	case "prompt":
		return &r.Prompt
	case "messages":
		return &r.Messages
	case "add_special_tokens":
		return &r.AddSpecialTokens
	}
	return nil
}

func (r *DetokenizeRequest) field(name string) any {
	switch name {
	case "model":
		return &r.Model
	case "tokens":
		return &r.Tokens
	}
	return nil
}

func (r *ReplayRequest) field(name string) any {
	switch name {
	case "model":
		return &r.Model
	case "prompt_token_ids":
		return &r.PromptTokenIDs
	case "prompt":
		return &r.Prompt
	case "messages":
		return &r.Messages
	case "token_ids":
		return &r.TokenIDs
	case "completion":
		return &r.Completion
	case "finish_reason":
		return &r.FinishReason
	}
	return r.drawing(name)
}

// drawing are the fields that say how an answer was chosen.
func (r *ReplayRequest) drawing(name string) any {
	switch name {
	case "temperature":
		return &r.Temperature
	case "top_p":
		return &r.TopP
	case "top_k":
		return &r.TopK
	case "min_p":
		return &r.MinP
	case "presence_penalty":
		return &r.PresencePenalty
	case "frequency_penalty":
		return &r.FrequencyPenalty
	case "repetition_penalty":
		return &r.RepetitionPenalty
	case "logit_bias":
		return &r.LogitBias
	case "seed":
		return &r.Seed
	case "choice":
		return &r.Choice
	}
	return nil
}
