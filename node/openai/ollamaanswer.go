package openai

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer"
)

// ollamaLine is an answer of /api/chat or /api/generate, or one line of it.
// Durations are nanoseconds.
type ollamaLine struct {
	Model      string             `json:"model"`
	CreatedAt  time.Time          `json:"created_at"`
	Message    *ollamaMessage     `json:"message,omitempty"`  // chat
	Response   *string            `json:"response,omitempty"` // generate
	Thinking   string             `json:"thinking,omitempty"` // generate
	Logprobs   []oai.TokenLogprob `json:"logprobs,omitempty"`
	Done       bool               `json:"done"`
	DoneReason string             `json:"done_reason,omitempty"`
	*ollamaMetrics
}

// ollamaMetrics are in the last line.
type ollamaMetrics struct {
	TotalDuration      time.Duration `json:"total_duration"`
	LoadDuration       time.Duration `json:"load_duration"`
	PromptEvalCount    int           `json:"prompt_eval_count"`
	PromptEvalDuration time.Duration `json:"prompt_eval_duration"`
	EvalCount          int           `json:"eval_count"`
	EvalDuration       time.Duration `json:"eval_duration"`
}

// ollamaTurn is one question on its way.
type ollamaTurn struct {
	face   *Face
	hold   *hold
	w      http.ResponseWriter
	enc    *json.Encoder
	chat   bool   // shaped as /api/chat, else as /api/generate
	model  string // as the client called it
	began  time.Time
	first  time.Time // when the first words came
	sent   bool
	usage  oai.Usage
	finish string

	calls     []oai.ToolCall // gathered from their pieces
	arguments [][]byte       // of the calls
	gathered  int            // bytes of all of them
}

// ollamaAsk serves /api/chat and /api/generate.
func ollamaAsk(f *Face, translate func(ollamaRequest) (asked, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t := &ollamaTurn{face: f, w: w, enc: json.NewEncoder(w), chat: r.URL.Path == "/api/chat", began: time.Now(), finish: "stop"}
		t.enc.SetEscapeHTML(false)
		h, err := f.begin(w)
		if err != nil {
			fail(w, r, err)
			return
		}
		defer h.done()
		t.hold = h
		var in ollamaRequest
		err = f.ollamaBody(w, r, h, &in)
		if err == nil {
			err = t.answer(r, in, translate)
		}
		switch {
		case err == nil || errors.Is(err, errGone) || r.Context().Err() != nil:
		case t.sent:
			_ = t.enc.Encode(ollamaError(oai.AsError(err)))
		default:
			fail(w, r, err)
		}
	}
}

func (t *ollamaTurn) answer(r *http.Request, in ollamaRequest, translate func(ollamaRequest) (asked, error)) error {
	if in.Model == "" {
		return oai.BadRequest("", "model is required")
	}
	t.model = in.Model
	a, err := translate(in)
	if err != nil {
		return err
	}
	if a.body == nil {
		return t.load(r, in)
	}
	body, err := json.Marshal(a.body)
	if err != nil {
		return err
	}
	q, err := a.kind.read(body)
	if err != nil {
		return err
	}
	req := infer.Request{Model: q.model, Path: a.kind.path, Body: body, Stream: q.stream, Deterministic: q.deterministic}
	if err := prefer(&req, r.Header); err != nil {
		return err
	}
	resp, err := t.face.do(r, req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	label(t.w, resp)
	if q.stream {
		return t.stream(resp)
	}
	return t.whole(resp)
}

// load answers a request without words: Ollama makes the model ready, or lets
// go of it; here somebody serves it or nobody does.
func (t *ollamaTurn) load(r *http.Request, in ollamaRequest) error {
	if _, err := t.face.ollamaModel(r, in.Model); err != nil {
		return err
	}
	line := t.line("", "")
	line.Done, line.DoneReason = true, "load"
	if n, ok := in.KeepAlive.(float64); ok && n == 0 {
		line.DoneReason = "unload"
	}
	return t.send(line, "application/json")
}

// line is a line with words.
func (t *ollamaTurn) line(text, thinking string) ollamaLine {
	l := ollamaLine{Model: t.model, CreatedAt: time.Now().UTC()}
	if t.chat {
		l.Message = &ollamaMessage{Role: "assistant", Content: text, Thinking: thinking}
	} else {
		l.Response, l.Thinking = &text, thinking
	}
	return l
}

// last makes a line the last one.
func (t *ollamaTurn) last(l ollamaLine) ollamaLine {
	now := time.Now()
	if t.first.IsZero() {
		t.first = now
	}
	l.Done, l.DoneReason = true, t.finish
	l.ollamaMetrics = &ollamaMetrics{
		TotalDuration: now.Sub(t.began), PromptEvalCount: t.usage.PromptTokens, PromptEvalDuration: t.first.Sub(t.began),
		EvalCount: t.usage.CompletionTokens, EvalDuration: now.Sub(t.first),
	}
	return l
}

func (t *ollamaTurn) send(l ollamaLine, ctype string) error {
	if !t.sent {
		header(t.w)
		t.w.Header().Set("Content-Type", ctype)
		t.sent = true
	}
	c := http.NewResponseController(t.w)
	_ = c.SetWriteDeadline(time.Now().Add(t.face.cfg.StallTime))
	if err := t.enc.Encode(l); err != nil {
		return errGone
	}
	return gone(c.Flush())
}
