package servingtest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"infernet.tech/infernet/exec/engine/openai"
)

// Engine answers chats by the words of their last message, a token each, with
// no delay. The first word may be an order: "!crash" ends the connection before
// the answer, "!cut" after two words, "!hang" answers one word and then nothing,
// "!mute" nothing at all, "!fail" a fault that tells Path, "!flood" repeats itself
// without end, "!bare" reports no usage, "!half" ends the connection after 64 KiB
// of an answer that is no stream, "!keep" keeps to max_tokens, which all others
// ignore; as some engines it knows no max_completion_tokens.
type Engine struct {
	Served atomic.Int64 // requests begun
	Left   atomic.Int64 // requests whose client went away while they were answered
	Path   string       // a text that an error tells, to see that it goes no further
}

// ServeHTTP answers GET /health, POST /v1/chat/completions and /v1/embeddings.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/health" {
		return
	}
	e.Served.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if r.URL.Path == "/v1/embeddings" {
		e.embed(w, body)
		return
	}
	req, err := openai.DecodeChat(body)
	if err != nil {
		openai.WriteError(w, err)
		return
	}
	prompt := 0
	for _, m := range req.Messages {
		prompt += len(strings.Fields(m.Content.String()))
	}
	words := strings.Fields(req.Messages[len(req.Messages)-1].Content.String())
	order := ""
	if len(words) > 0 && strings.HasPrefix(words[0], "!") {
		order, words = words[0], words[1:]
	}
	if most := req.MaxTokens; most != nil && order == "!keep" {
		words = words[:min(len(words), *most)]
	}
	a := &answer{e: e, w: w, r: r, rc: http.NewResponseController(w), req: req, order: order}
	a.usage = openai.Usage{PromptTokens: prompt, CompletionTokens: len(words), TotalTokens: prompt + len(words)}
	switch {
	case order == "!crash":
		panic(http.ErrAbortHandler)
	case order == "!mute":
		a.wait()
	case order == "!fail":
		http.Error(w, "cannot open "+e.Path, http.StatusInternalServerError)
	case req.Stream:
		a.stream(words)
	default:
		a.whole(words)
	}
}

func (e *Engine) embed(w http.ResponseWriter, body []byte) {
	req, err := openai.DecodeEmbedding(body)
	if err != nil {
		openai.WriteError(w, err)
		return
	}
	resp := openai.EmbeddingResponse{Object: openai.ObjectList, Model: req.Model}
	for i, text := range req.Input.Texts {
		n := len(strings.Fields(text))
		resp.Usage.PromptTokens += n
		resp.Usage.TotalTokens += n
		resp.Data = append(resp.Data, openai.Embedding{Object: openai.ObjectEmbedding, Index: i,
			Embedding: openai.Vector{Values: []float32{float32(n), 1}}})
	}
	reply(w, resp)
}

func reply(w http.ResponseWriter, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(raw)
}

// answer is one answer under way.
type answer struct {
	e     *Engine
	w     http.ResponseWriter
	r     *http.Request
	rc    *http.ResponseController
	req   openai.ChatRequest
	order string
	usage openai.Usage
}

func (a *answer) wait() {
	<-a.r.Context().Done()
	a.e.Left.Add(1)
}

func (a *answer) whole(words []string) {
	if a.order == "!half" {
		a.w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(a.w, `{"choices":[{"text":"`+strings.Repeat("x", 64<<10))
		_ = a.rc.Flush()
		panic(http.ErrAbortHandler)
	}
	resp := openai.ChatResponse{Object: openai.ObjectChat, Model: a.req.Model, Choices: []openai.ChatChoice{{
		Message: openai.Message{Role: "assistant", Content: openai.Text(strings.Join(words, " "))}, FinishReason: openai.FinishStop,
	}}}
	if a.order != "!bare" {
		resp.Usage = &a.usage
	}
	reply(a.w, resp)
}

func (a *answer) stream(words []string) {
	events := openai.NewEventWriter(a.w)
	for i := 0; i < len(words) || a.order == "!flood"; i++ {
		word := "word " + strings.Repeat("x", 20)
		if i < len(words) {
			word = words[i] + " "
		}
		c := openai.ChunkChoice{Delta: openai.Delta{Content: &word}}
		if a.req.ReturnTokenIDs {
			c.TokenIDs = []int{i}
		}
		if events.Event(openai.ChatChunk{Object: openai.ObjectChatChunk, Model: a.req.Model, Choices: []openai.ChunkChoice{c}}) != nil {
			a.e.Left.Add(1)
			return
		}
		switch {
		case a.order == "!hang":
			a.wait()
			return
		case a.order == "!cut" && i == 1:
			panic(http.ErrAbortHandler)
		}
		if a.r.Context().Err() != nil {
			a.e.Left.Add(1)
			return
		}
	}
	if a.order != "!bare" {
		_ = events.Event(openai.ChatChunk{Object: openai.ObjectChatChunk, Choices: []openai.ChunkChoice{}, Usage: &a.usage})
	}
	_ = events.Done()
}
