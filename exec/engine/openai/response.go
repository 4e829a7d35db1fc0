package openai

// Names of objects, and reasons for an answer's end.
const (
	ObjectChat       = "chat.completion"
	ObjectChatChunk  = "chat.completion.chunk"
	ObjectCompletion = "text_completion"
	ObjectEmbedding  = "embedding"
	ObjectList       = "list"
	ObjectModel      = "model"

	FinishStop      = "stop"
	FinishLength    = "length"
	FinishToolCalls = "tool_calls"
)

// Usage counts the tokens of a request.
type Usage struct {
	PromptTokens     int            `json:"prompt_tokens"`
	CompletionTokens int            `json:"completion_tokens"`
	TotalTokens      int            `json:"total_tokens"`
	PromptDetails    *PromptDetails `json:"prompt_tokens_details,omitempty"`
}

// PromptDetails says how many tokens of the prompt were still in the cache.
type PromptDetails struct {
	CachedTokens int `json:"cached_tokens"`
}

// ChatResponse is the answer to a chat request that is not streamed.
type ChatResponse struct {
	ID                string       `json:"id"`
	Object            string       `json:"object"`
	Created           int64        `json:"created"` // Unix seconds
	Model             string       `json:"model"`
	SystemFingerprint string       `json:"system_fingerprint,omitempty"`
	Choices           []ChatChoice `json:"choices"`
	Usage             *Usage       `json:"usage,omitempty"`
	PromptTokenIDs    []int        `json:"prompt_token_ids,omitempty"`
}

// ChatChoice is one answer.
type ChatChoice struct {
	Index        int       `json:"index"`
	Message      Message   `json:"message"`
	Logprobs     *Logprobs `json:"logprobs"`
	FinishReason string    `json:"finish_reason"`
	TokenIDs     []int     `json:"token_ids,omitempty"`
}

// ChatChunk is one event of a streamed chat. The last one before [DONE] has
// no choices and the usage, when the request asked for it.
type ChatChunk struct {
	ID                string        `json:"id"`
	Object            string        `json:"object"`
	Created           int64         `json:"created"`
	Model             string        `json:"model"`
	SystemFingerprint string        `json:"system_fingerprint,omitempty"`
	Choices           []ChunkChoice `json:"choices"`
	Usage             *Usage        `json:"usage,omitempty"`
	PromptTokenIDs    []int         `json:"prompt_token_ids,omitempty"`
}

// ChunkChoice is what a chunk adds to one answer.
type ChunkChoice struct {
	Index        int       `json:"index"`
	Delta        Delta     `json:"delta"`
	Logprobs     *Logprobs `json:"logprobs"`
	FinishReason *string   `json:"finish_reason"`
	TokenIDs     []int     `json:"token_ids,omitempty"`
}

// Delta is the part of a message that a chunk brings.
type Delta struct {
	Role             string     `json:"role,omitempty"`
	Content          *string    `json:"content,omitempty"`
	ReasoningContent string     `json:"reasoning_content,omitempty"`
	ToolCalls        []ToolCall `json:"tool_calls,omitempty"`
}

// Logprobs are the log-probabilities of an answer's tokens, as chats have
// them.
type Logprobs struct {
	Content []TokenLogprob `json:"content"`
}

// TokenLogprob is the natural log-probability of one token.
type TokenLogprob struct {
	Token       string       `json:"token"`
	Logprob     float64      `json:"logprob"`
	Bytes       []int        `json:"bytes"`
	TopLogprobs []TopLogprob `json:"top_logprobs"`
}

// TopLogprob is one of the likeliest tokens at a position.
type TopLogprob struct {
	Token   string  `json:"token"`
	Logprob float64 `json:"logprob"`
	Bytes   []int   `json:"bytes"`
}

// CompletionResponse is the answer to a plain completion; chunks of a stream
// have the same shape.
type CompletionResponse struct {
	ID                string             `json:"id"`
	Object            string             `json:"object"`
	Created           int64              `json:"created"`
	Model             string             `json:"model"`
	SystemFingerprint string             `json:"system_fingerprint,omitempty"`
	Choices           []CompletionChoice `json:"choices"`
	Usage             *Usage             `json:"usage,omitempty"`
}

// CompletionChoice is one answer, or what a chunk adds to it.
type CompletionChoice struct {
	Index          int                 `json:"index"`
	Text           string              `json:"text"`
	Logprobs       *CompletionLogprobs `json:"logprobs"`
	FinishReason   *string             `json:"finish_reason"`
	PromptTokenIDs []int               `json:"prompt_token_ids,omitempty"`
	TokenIDs       []int               `json:"token_ids,omitempty"`
}

// CompletionLogprobs are log-probabilities as plain completions have them.
type CompletionLogprobs struct {
	Tokens        []string             `json:"tokens"`
	TokenLogprobs []*float64           `json:"token_logprobs"`
	TopLogprobs   []map[string]float64 `json:"top_logprobs"`
	TextOffset    []int                `json:"text_offset"`
}

// EmbeddingResponse is the answer to an embedding request.
type EmbeddingResponse struct {
	Object string      `json:"object"`
	Data   []Embedding `json:"data"`
	Model  string      `json:"model"`
	Usage  Usage       `json:"usage"`
}

// Embedding is the vector of one input.
type Embedding struct {
	Object    string `json:"object"`
	Index     int    `json:"index"`
	Embedding Vector `json:"embedding"`
}

// Vector is a list of numbers, or, with Base64, little-endian float32 in
// base64: the official npm client asks for that.
type Vector struct {
	Values []float32
	Base64 bool
}

// Model is one entry of GET /v1/models.
type Model struct {
	ID          string `json:"id"`
	Object      string `json:"object"`
	Created     int64  `json:"created"`
	OwnedBy     string `json:"owned_by"`
	MaxModelLen int    `json:"max_model_len,omitempty"` // vLLM's: the context in tokens

	Pricing *Pricing `json:"pricing,omitempty"` // of the cheapest provider; no part of OpenAI's API
}

// Pricing is what so many tokens cost, in whole steps of the unit.
type Pricing struct {
	In     uint64 `json:"in"`
	Out    uint64 `json:"out"`
	Unit   string `json:"unit"`
	Tokens uint64 `json:"tokens"`
	Text   string `json:"text"` // the same for people: "1000 credits in, 3000 credits out"
}

// ModelList is the answer to GET /v1/models.
type ModelList struct {
	Object string  `json:"object"`
	Data   []Model `json:"data"`
}

// TokenizeRequest is the body of POST /tokenize: a prompt or messages.
type TokenizeRequest struct {
	Model            string    `json:"model,omitempty"`
	Prompt           string    `json:"prompt,omitempty"`
	Messages         []Message `json:"messages,omitempty"`
	AddSpecialTokens *bool     `json:"add_special_tokens,omitempty"` // nil: yes
}

// TokenizeResponse is the answer to POST /tokenize.
type TokenizeResponse struct {
	Count       int   `json:"count"`
	MaxModelLen int   `json:"max_model_len"`
	Tokens      []int `json:"tokens"`
}

// DetokenizeRequest is the body of POST /detokenize.
type DetokenizeRequest struct {
	Model  string `json:"model,omitempty"`
	Tokens []int  `json:"tokens"`
}

// DetokenizeResponse is the answer to POST /detokenize.
type DetokenizeResponse struct {
	Prompt string `json:"prompt"`
}
