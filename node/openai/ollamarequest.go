package openai

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"

	oai "infernet.tech/infernet/exec/engine/openai"
)

// ollamaRequest is the body of /api/chat and /api/generate.
type ollamaRequest struct {
	Model       string            `json:"model"`
	Messages    []ollamaMessage   `json:"messages"` // chat
	Prompt      string            `json:"prompt"`   // generate, as the five below
	Suffix      string            `json:"suffix"`
	System      string            `json:"system"`
	Images      [][]byte          `json:"images"`
	Raw         bool              `json:"raw"`
	Template    string            `json:"template"`
	Context     []int             `json:"context"`
	Tools       []json.RawMessage `json:"tools"`
	Format      json.RawMessage   `json:"format"`
	Options     map[string]any    `json:"options"`
	Stream      *bool             `json:"stream"` // nil: yes
	Think       any               `json:"think"`
	KeepAlive   any               `json:"keep_alive"`
	Logprobs    bool              `json:"logprobs"`
	TopLogprobs int               `json:"top_logprobs"`
}

// ollamaMessage is one turn, in a request or an answer.
type ollamaMessage struct {
	Role      string       `json:"role"`
	Content   string       `json:"content"`
	Thinking  string       `json:"thinking,omitempty"`
	Images    [][]byte     `json:"images,omitempty"`
	ToolCalls []ollamaCall `json:"tool_calls,omitempty"`
	ToolName  string       `json:"tool_name,omitempty"`
}

// ollamaCall is a call that a model asks for; its arguments are an object,
// where OpenAI has the text of one.
type ollamaCall struct {
	ID       string `json:"id,omitempty"`
	Function struct {
		Index     int             `json:"index,omitempty"`
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"function"`
}

func (r ollamaRequest) stream() bool { return r.Stream == nil || *r.Stream }

// asked is a request of Ollama in OpenAI's words.
type asked struct {
	kind kind
	body map[string]any // nil: nothing is to be done but to have the model ready
}

// ollamaChat translates /api/chat.
func ollamaChat(r ollamaRequest) (asked, error) {
	if len(r.Messages) == 0 {
		return asked{}, nil
	}
	var calls []string // ids given to calls whose results are still to come
	messages := make([]map[string]any, 0, len(r.Messages))
	for i, m := range r.Messages {
		out := map[string]any{"role": m.Role, "content": withImages(m.Content, m.Images)}
		if len(m.ToolCalls) > 0 {
			list, ids := openaiCalls(m.ToolCalls, i)
			out["tool_calls"] = list
			calls = append(calls, ids...)
		}
		if m.Role == "tool" && len(calls) > 0 {
			out["tool_call_id"], calls = calls[0], calls[1:]
		}
		messages = append(messages, out)
	}
	body := map[string]any{"messages": messages}
	if len(r.Tools) > 0 {
		body["tools"] = r.Tools
	}
	return asked{chatKind, body}, r.common(body)
}

// ollamaGenerate translates /api/generate: a raw prompt, or one with a suffix,
// is a plain completion; any other is a chat of one question.
func ollamaGenerate(r ollamaRequest) (asked, error) {
	switch {
	case r.Prompt == "" && r.Suffix == "":
		return asked{}, nil
	case r.Template != "":
		return asked{}, oai.BadRequest("template", "the model's own is the only one")
	case len(r.Context) > 0:
		return asked{}, oai.BadRequest("context", "not supported: use /api/chat with messages")
	case r.Raw || r.Suffix != "":
		r.Logprobs = false // those of plain completions have no shape in Ollama's answers
		body := map[string]any{"prompt": r.Prompt}
		if r.Suffix != "" {
			body["suffix"] = r.Suffix
		}
		return asked{completionKind, body}, r.common(body)
	}
	var messages []map[string]any
	if r.System != "" {
		messages = append(messages, map[string]any{"role": "system", "content": r.System})
	}
	messages = append(messages, map[string]any{"role": "user", "content": withImages(r.Prompt, r.Images)})
	body := map[string]any{"messages": messages}
	return asked{chatKind, body}, r.common(body)
}

// common translates what both have.
func (r ollamaRequest) common(body map[string]any) error {
	body["model"] = untagged(r.Model)
	if r.stream() {
		body["stream"] = true
		body["stream_options"] = map[string]any{"include_usage": true}
	}
	if think, ok := r.Think.(bool); ok {
		body["chat_template_kwargs"] = map[string]any{"enable_thinking": think}
	}
	if r.Logprobs {
		body["logprobs"] = true
		if r.TopLogprobs > 0 {
			body["top_logprobs"] = r.TopLogprobs
		}
	}
	if err := r.format(body); err != nil {
		return err
	}
	return r.options(body)
}

func (r ollamaRequest) format(body map[string]any) error {
	switch format := bytes.TrimSpace(r.Format); {
	case len(format) == 0, string(format) == `""`, string(format) == "null":
	case string(format) == `"json"`:
		body["response_format"] = map[string]any{"type": "json_object"}
	case format[0] == '{':
		body["response_format"] = map[string]any{
			"type": "json_schema", "json_schema": map[string]any{"name": "answer", "schema": json.RawMessage(format), "strict": true},
		}
	default:
		return oai.BadRequest("format", `neither "json" nor a schema`)
	}
	return nil
}

// optionNames are Ollama's options that engines have, and what OpenAI, or
// vLLM where OpenAI has no word, calls them. Others are the engine's business.
var optionNames = map[string]string{
	"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "min_p": "min_p", "seed": "seed",
	"num_predict": "max_tokens", "stop": "stop", "frequency_penalty": "frequency_penalty",
	"presence_penalty": "presence_penalty", "repeat_penalty": "repetition_penalty",
}

func (r ollamaRequest) options(body map[string]any) error {
	for from, to := range optionNames {
		v, ok := r.Options[from]
		if !ok || v == nil {
			continue
		}
		n, number := v.(float64)
		switch {
		case from == "stop":
		case !number:
			return oai.BadRequest("options."+from, "not a number")
		case from == "num_predict" && n < 0, from == "top_k" && n <= 0, from == "seed" && n < 0:
			continue // as much as there is room for; all; any
		case from == "num_predict" || from == "seed" || from == "top_k":
			if n != float64(int64(n)) {
				return oai.BadRequest("options."+from, "not a whole number")
			}
			v = int64(n)
		}
		body[to] = v
	}
	return nil
}

// withImages is the content of a message, in parts when it has pictures.
func withImages(text string, images [][]byte) any {
	if len(images) == 0 {
		return text
	}
	parts := []any{map[string]any{"type": "text", "text": text}}
	for _, img := range images {
		url := "data:" + http.DetectContentType(img) + ";base64," + base64.StdEncoding.EncodeToString(img)
		parts = append(parts, map[string]any{"type": "image_url", "image_url": map[string]any{"url": url}})
	}
	return parts
}

func openaiCalls(calls []ollamaCall, turn int) (list []oai.ToolCall, ids []string) {
	for k, c := range calls {
		name := c.ID
		if name == "" {
			name = "call_" + strconv.Itoa(turn) + "_" + strconv.Itoa(k)
		}
		args := string(c.Function.Arguments)
		if args == "" {
			args = "{}"
		}
		ids = append(ids, name)
		list = append(list, oai.ToolCall{ID: name, Type: "function", Function: oai.FunctionCall{Name: c.Function.Name, Arguments: args}})
	}
	return list, ids
}
