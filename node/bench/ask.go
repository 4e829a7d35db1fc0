package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
)

// ErrInfer: a request of the benchmark was not answered as it should be.
var ErrInfer = errors.New("bench: inference failed")

// maxAnswer bounds one answer's body.
const maxAnswer = 16 << 20

// way is one way to the same kind of engine.
type inferWay struct {
	client *http.Client
	base   string // URL before /v1
	token  string // of the local API; "" for an engine's own socket
	model  string
}

// answer is what one request took and brought.
type answer struct {
	first, took time.Duration // to the first piece of text, and to the end
	tokens      int           // of the answer, as told by its usage
	body        int           // bytes
}

// ask sends one chat request at temperature 0 and reads the answer to its end.
func (w inferWay) ask(ctx context.Context, prompt string, most int, stream bool) (answer, error) {
	body := map[string]any{
		"model": w.model, "max_tokens": most, "temperature": 0, "stream": stream,
		"messages": []map[string]string{{"role": "user", "content": prompt}},
	}
	if stream {
		body["stream_options"] = map[string]bool{"include_usage": true}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.base+"/v1/chat/completions", bytes.NewReader(raw))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
	since := time.Now()
	res, err := w.client.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", ErrInfer, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 512))
		return answer{}, fmt.Errorf("%w: status %d: %.300q", ErrInfer, res.StatusCode, text)
	}
	if stream {
		return readStream(res.Body, since)
	}
	return readWhole(res.Body, since)
}

func readWhole(r io.Reader, since time.Time) (answer, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxAnswer))
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", ErrInfer, err)
	}
	a := answer{took: time.Since(since), body: len(raw)}
	a.first = a.took
	var v openai.ChatResponse
	if err := json.Unmarshal(raw, &v); err != nil || v.Usage == nil {
		return a, fmt.Errorf("%w: no answer with its usage: %.300q", ErrInfer, raw)
	}
	a.tokens = v.Usage.CompletionTokens
	return a, nil
}

func readStream(r io.Reader, since time.Time) (a answer, err error) {
	in := openai.NewEventReader(r, maxAnswer)
	for {
		ev, err := in.Next()
		if errors.Is(err, io.EOF) {
			return a, fmt.Errorf("%w: the stream ends without its end", ErrInfer)
		}
		if err != nil {
			return a, fmt.Errorf("%w: %w", ErrInfer, err)
		}
		a.body += len(ev.Raw)
		if ev.Done() {
			a.took = time.Since(since)
			if a.tokens == 0 {
				return a, fmt.Errorf("%w: a stream without usage", ErrInfer)
			}
			return a, nil
		}
		if err := a.event(ev.Data, since); err != nil {
			return a, err
		}
	}
}

// event takes note of a first piece of text, and of the usage.
func (a *answer) event(data []byte, since time.Time) error {
	if len(data) == 0 {
		return nil
	}
	var v openai.ChatChunk
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("%w: event %.300q", ErrInfer, data)
	}
	if a.first == 0 && len(v.Choices) > 0 && v.Choices[0].Delta.Content != nil && *v.Choices[0].Delta.Content != "" {
		a.first = time.Since(since)
	}
	if v.Usage != nil {
		a.tokens = v.Usage.CompletionTokens
	}
	return nil
}
