package openai

import "encoding/json"

// Sampling is what chat and plain completions have in common. Pointers are
// nil when the request does not say.
type Sampling struct {
	Stream              bool               `json:"stream,omitempty"`
	StreamOptions       *StreamOptions     `json:"stream_options,omitempty"`
	MaxTokens           *int               `json:"max_tokens,omitempty"`
	MaxCompletionTokens *int               `json:"max_completion_tokens,omitempty"`
	Temperature         *float64           `json:"temperature,omitempty"`
	TopP                *float64           `json:"top_p,omitempty"`
	N                   *int               `json:"n,omitempty"`
	Stop                Stop               `json:"stop,omitempty"`
	Seed                *int64             `json:"seed,omitempty"`
	PresencePenalty     *float64           `json:"presence_penalty,omitempty"`
	FrequencyPenalty    *float64           `json:"frequency_penalty,omitempty"`
	LogitBias           map[string]float64 `json:"logit_bias,omitempty"`
	ResponseFormat      *ResponseFormat    `json:"response_format,omitempty"`
	User                string             `json:"user,omitempty"`
	ReturnTokenIDs      bool               `json:"return_token_ids,omitempty"`
}

// StreamOptions are the options of a streamed answer.
type StreamOptions struct {
	IncludeUsage bool `json:"include_usage,omitempty"`
}

// Stop is one text that ends the answer, or several.
type Stop []string

// ResponseFormat asks for a form of answer: "text", "json_object" or
// "json_schema".
type ResponseFormat struct {
	Type       string      `json:"type"`
	JSONSchema *JSONSchema `json:"json_schema,omitempty"`
}

// JSONSchema is the schema that an answer is to follow.
type JSONSchema struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"`
	Strict      *bool           `json:"strict,omitempty"`
}

// ChatRequest is the body of POST /v1/chat/completions.
type ChatRequest struct {
	Model    string    `json:"model"`
	Messages []Message `json:"messages"`
	Sampling
	Logprobs          bool              `json:"logprobs,omitempty"`
	TopLogprobs       *int              `json:"top_logprobs,omitempty"`
	Tools             []json.RawMessage `json:"tools,omitempty"`
	ToolChoice        json.RawMessage   `json:"tool_choice,omitempty"`
	ParallelToolCalls *bool             `json:"parallel_tool_calls,omitempty"`

	// Extra are the fields that are not named here, as they came.
	Extra map[string]json.RawMessage `json:"-"`
}

// CompletionRequest is the body of POST /v1/completions.
type CompletionRequest struct {
	Model  string `json:"model"`
	Prompt Input  `json:"prompt"`
	Sampling
	Suffix   string `json:"suffix,omitempty"`
	Echo     bool   `json:"echo,omitempty"`
	BestOf   *int   `json:"best_of,omitempty"`
	Logprobs *int   `json:"logprobs,omitempty"`

	// Extra are the fields that are not named here, as they came.
	Extra map[string]json.RawMessage `json:"-"`
}

// EmbeddingRequest is the body of POST /v1/embeddings.
type EmbeddingRequest struct {
	Model          string `json:"model"`
	Input          Input  `json:"input"`
	EncodingFormat string `json:"encoding_format,omitempty"` // "", "float" or "base64"
	Dimensions     *int   `json:"dimensions,omitempty"`
	User           string `json:"user,omitempty"`

	// Extra are the fields that are not named here, as they came.
	Extra map[string]json.RawMessage `json:"-"`
}

// Message is one turn of a conversation, in a request or a response.
type Message struct {
	Role             string     `json:"role"`
	Content          Content    `json:"content"`
	Name             string     `json:"name,omitempty"`
	ReasoningContent string     `json:"reasoning_content,omitempty"`
	Refusal          string     `json:"refusal,omitempty"`
	ToolCalls        []ToolCall `json:"tool_calls,omitempty"`
	ToolCallID       string     `json:"tool_call_id,omitempty"`
}

// ToolCall is a call that a model asks for.
type ToolCall struct {
	Index    *int         `json:"index,omitempty"` // in chunks
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type,omitempty"`
	Function FunctionCall `json:"function"`
}

// FunctionCall names a function and its arguments, a JSON text.
type FunctionCall struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

// Content is the content of a message: a text, or parts.
type Content struct {
	Text  string // when Parts is nil
	Parts []Part
	set   bool // it was there when decoded, and not null
}

// Part is one part of a message's content.
type Part struct {
	Type string          // "text", "image_url", …
	Text string          // of a text part
	Raw  json.RawMessage // the whole part, when it is not text
}

// Text is content of one text.
func Text(s string) Content { return Content{Text: s, set: true} }

// Input is a prompt or what is to be embedded: texts, or tokens. A request
// with one text (not a list of one) has Single set.
type Input struct {
	Texts  []string
	Tokens [][]int
	Single bool
}

// Len is the number of inputs.
func (in Input) Len() int { return len(in.Texts) + len(in.Tokens) }
