package meter

import (
	"encoding/json"
	"unicode/utf8"

	"infernet.tech/infernet/exec/engine/openai"
)

// Chunk is what counting and continuing need of one event, or of a whole
// answer, of a chat or a plain completion.
type Chunk struct {
	ID             string          `json:"id"`
	Created        json.RawMessage `json:"created"`
	Choices        []Choice        `json:"choices"`
	Usage          *openai.Usage   `json:"usage"`
	PromptTokenIDs []int           `json:"prompt_token_ids"`
	Error          json.RawMessage `json:"error"`
}

// Choice is one answer, or what an event adds to it.
type Choice struct {
	Index          int     `json:"index"`
	Text           string  `json:"text"`
	Delta          Part    `json:"delta"`
	Message        Part    `json:"message"`
	FinishReason   *string `json:"finish_reason"`
	TokenIDs       []int   `json:"token_ids"`
	PromptTokenIDs []int   `json:"prompt_token_ids"`
}

// Part is a message, or what an event adds to it.
type Part struct {
	Content   string            `json:"content"`
	Reasoning string            `json:"reasoning_content"`
	Refusal   string            `json:"refusal"`
	ToolCalls []openai.ToolCall `json:"tool_calls"`
}

// maxChoices bounds the answers of one request.
const maxChoices = 4096

// Parse reads an event's data or a whole answer. Errors: ErrGarbage.
func Parse(data []byte) (Chunk, error) {
	var c Chunk
	if !utf8.Valid(data) || json.Unmarshal(data, &c) != nil {
		return c, ErrGarbage
	}
	for _, ch := range c.Choices {
		if ch.Index < 0 || ch.Index >= maxChoices {
			return c, ErrGarbage
		}
	}
	if u := c.Usage; u != nil {
		if u.PromptTokens < 0 || u.CompletionTokens < 0 || u.PromptTokens > maxClaim || u.CompletionTokens > maxClaim {
			return c, ErrGarbage
		}
	}
	return c, nil
}

// maxClaim is above any answer's tokens and far from overflow.
const maxClaim = 1 << 40

// Plain is the answer's text that the choice adds.
func (c Choice) Plain() string {
	switch {
	case c.Text != "":
		return c.Text
	case c.Delta.Content != "":
		return c.Delta.Content
	}
	return c.Message.Content
}

// Hidden is how many bytes the choice adds beside its plain text: reasoning,
// refusals and calls of tools.
func (c Choice) Hidden() int {
	n := 0
	for _, p := range []Part{c.Delta, c.Message} {
		n += len(p.Reasoning) + len(p.Refusal)
		for _, t := range p.ToolCalls {
			n += len(t.ID) + len(t.Function.Name) + len(t.Function.Arguments)
		}
	}
	return n
}
