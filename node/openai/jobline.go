package openai

import (
	"encoding/json"

	oai "infernet.tech/infernet/exec/engine/openai"
)

// Bounds of the batch engine; see exec/engine/llm.
const (
	jobMaxLine     = 1 << 20
	jobMaxMessages = 1024
)

// harmless are fields of a chat that change nothing about its answer.
var harmless = map[string]bool{
	"metadata": true, "store": true, "service_tier": true, "prompt_cache_key": true, "safety_identifier": true,
}

// jobLine writes a chat as the batch engine reads it, or says why it cannot
// do what the chat asks for: it decodes greedily and knows texts alone.
func jobLine(l line) (raw []byte, why string) {
	c, err := oai.DecodeChat(l.Body)
	if err != nil {
		return nil, err.Error()
	}
	if why := unusual(c); why != "" {
		return nil, why
	}
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	out := struct {
		ID        int       `json:"id"`
		Messages  []message `json:"messages"`
		MaxTokens int       `json:"max_tokens,omitempty"`
	}{ID: l.number, MaxTokens: c.MaxOutput()}
	for _, m := range c.Messages {
		switch {
		case m.Role != "system" && m.Role != "user" && m.Role != "assistant":
			return nil, "a message of another role than system, user and assistant"
		case len(m.ToolCalls) > 0 || m.ToolCallID != "" || m.Name != "":
			return nil, "a message with tool calls or a name"
		}
		for _, p := range m.Content.Parts {
			if p.Raw != nil {
				return nil, "a message that is not text"
			}
		}
		out.Messages = append(out.Messages, message{m.Role, m.Content.String()})
	}
	raw, err = json.Marshal(out)
	switch {
	case err != nil:
		return nil, err.Error()
	case len(raw) > jobMaxLine || len(out.Messages) > jobMaxMessages:
		return nil, "too long for the batch engine"
	}
	return raw, ""
}

// unusual names the first setting that the batch engine does not have.
func unusual(c oai.ChatRequest) string {
	for name := range c.Extra {
		if !harmless[name] {
			return "it sets " + short(name)
		}
	}
	set := func(v *float64, neutral float64) bool { return v != nil && *v != neutral }
	switch {
	case set(c.Temperature, 0):
		return "it sets temperature to more than 0"
	case set(c.TopP, 1) || set(c.PresencePenalty, 0) || set(c.FrequencyPenalty, 0) || len(c.LogitBias) > 0:
		return "it changes how tokens are drawn"
	case c.Choices() != 1:
		return "it asks for several choices"
	case len(c.Stop) > 0:
		return "it sets stop"
	case c.Logprobs || c.TopLogprobs != nil || c.ReturnTokenIDs:
		return "it asks for log-probabilities or token ids"
	case c.ResponseFormat != nil && c.ResponseFormat.Type != "text":
		return "it asks for a form of answer"
	case len(c.Tools) > 0 || len(c.ToolChoice) > 0:
		return "it brings tools"
	case c.MaxTokens != nil && *c.MaxTokens < 1:
		return "it asks for no token"
	}
	return ""
}
