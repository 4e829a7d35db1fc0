package meter

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"infernet.tech/infernet/exec/engine/openai"
)

// Ask is what a request asks for, as far as counting needs to know it.
type Ask struct {
	Texts   []string // of the prompt, in order
	IDs     int      // tokens of a prompt that came as tokens
	Extra   int      // bytes of what templates put before the texts: tools, schemas
	Media   int      // parts that are no text
	Turns   int      // messages, prompts or inputs
	Choices int      // answers asked for
	Tried   int      // answers generated for them (best_of)
	MaxOut  int      // completion tokens of one answer; 0: not bounded
	Stop    int      // bytes of the longest text that ends an answer
	Opening string   // names the conversation: a hash of its first messages; "" for none
}

// body has the fields of all requests.
type body struct {
	Messages       []openai.Message `json:"messages"`
	Prompt         openai.Input     `json:"prompt"`
	Input          openai.Input     `json:"input"`
	Completion     string           `json:"completion"`
	Tools          json.RawMessage  `json:"tools"`
	ResponseFormat json.RawMessage  `json:"response_format"`
	N              *int             `json:"n"`
	BestOf         *int             `json:"best_of"`
	MaxTokens      *int             `json:"max_tokens"`
	MaxCompletion  *int             `json:"max_completion_tokens"`
	Stop           openai.Stop      `json:"stop"`
	PromptIDs      []int            `json:"prompt_token_ids"`
	IDs            []int            `json:"token_ids"`
	Tokens         []int            `json:"tokens"`
}

// ReadAsk reads a request's body, which is one of the API's and was checked.
func ReadAsk(raw []byte) (Ask, error) {
	var b body
	if err := json.Unmarshal(raw, &b); err != nil {
		return Ask{}, err
	}
	a := Ask{Choices: 1, Extra: len(b.Tools) + len(b.ResponseFormat), IDs: len(b.PromptIDs) + len(b.IDs) + len(b.Tokens)}
	for _, m := range b.Messages {
		a.message(m)
	}
	for _, in := range []openai.Input{b.Prompt, b.Input} {
		a.Texts = append(a.Texts, in.Texts...)
		a.Turns += in.Len()
		for _, ids := range in.Tokens {
			a.IDs += len(ids)
		}
	}
	if b.Completion != "" {
		a.Texts = append(a.Texts, b.Completion)
	}
	if b.N != nil && *b.N > 0 {
		a.Choices = *b.N
	}
	if len(b.Prompt.Texts)+len(b.Prompt.Tokens) > 1 {
		a.Choices *= b.Prompt.Len()
	}
	a.Tried = a.Choices
	if b.BestOf != nil && *b.BestOf > 0 {
		a.Tried = max(a.Tried, a.Choices**b.BestOf)
	}
	for _, n := range []*int{b.MaxTokens, b.MaxCompletion} {
		if n != nil && *n > 0 {
			a.MaxOut = *n
		}
	}
	for _, s := range b.Stop {
		a.Stop = max(a.Stop, len(s))
	}
	a.Opening = opening(b)
	return a, nil
}

func (a *Ask) message(m openai.Message) {
	a.Turns++
	if len(m.Content.Parts) == 0 {
		a.Texts = append(a.Texts, m.Content.Text)
	}
	for _, p := range m.Content.Parts {
		if p.Raw != nil {
			a.Media++
		} else {
			a.Texts = append(a.Texts, p.Text)
		}
	}
	a.Extra += len(m.Name) + len(m.ReasoningContent) + len(m.ToolCallID)
	for _, c := range m.ToolCalls {
		a.Extra += len(c.ID) + len(c.Function.Name) + len(c.Function.Arguments)
	}
}

// openingBytes of a plain prompt name its conversation: enough to tell two
// apart, few enough that a follow-up has the same ones.
const openingBytes = 512

// opening hashes what stays the same in the follow-ups of a conversation: all
// messages up to the first of the user.
func opening(b body) string {
	h, any := sha256.New(), false
	add := func(s string) {
		any = true
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	for _, m := range b.Messages {
		add(m.Role)
		add(m.Content.String())
		if m.Role == "user" {
			break
		}
	}
	if len(b.Prompt.Texts) == 1 {
		add(b.Prompt.Texts[0][:min(len(b.Prompt.Texts[0]), openingBytes)])
	}
	if !any {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
