package openai_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/node/openai"
	"infernet.tech/infernet/node/openai/openaitest"
)

// written answers every request with what a function writes.
type written struct {
	*openaitest.Engine
	write func(ctx context.Context, w io.Writer)
}

func (e written) Do(ctx context.Context, req infer.Request) (*infer.Response, error) {
	pr, pw := io.Pipe()
	go func() {
		e.write(ctx, pw)
		_ = pw.Close()
	}()
	kind := "application/json"
	if req.Stream {
		kind = "text/event-stream"
	}
	return &infer.Response{Status: http.StatusOK, Header: http.Header{"Content-Type": {kind}}, Body: pr}, nil
}

// TestLargeAnswersShareTheMemory: one large answer has room, a second one at
// the same time has not, and the room comes back.
func TestLargeAnswersShareTheMemory(t *testing.T) {
	t.Parallel()
	gate, half := make(chan struct{}), make(chan struct{}, 1)
	s := serve(t, func(c *openai.Config, d *openai.Deps) {
		c.MaxBody, c.MaxAnswer, c.MaxMemory = 64<<10, 1<<20, 64<<10+1<<20+2
		d.Infer = written{openaitest.New(), func(ctx context.Context, w io.Writer) {
			_, _ = io.WriteString(w, `{"x":"`+strings.Repeat("x", 600<<10))
			select {
			case half <- struct{}{}:
			default: // nobody asks any more
			}
			select {
			case <-gate:
			case <-ctx.Done():
			}
			_, _ = io.WriteString(w, `"}`)
		}}
	})
	ask := func() (int, string) {
		resp, body := s.do(t, "POST", "/v1/chat/completions", chat(openaitest.Echo, "x", ""))
		return resp.StatusCode, body
	}
	first := make(chan int, 1)
	go func() {
		code, _ := ask()
		first <- code
	}()
	<-half
	if code, body := ask(); code != 503 || !strings.Contains(body, "service_unavailable") {
		t.Errorf("a second large answer: %d %.200s", code, body)
	}
	close(gate)
	if code := <-first; code != 200 {
		t.Errorf("the first: %d", code)
	}
	eventually(t, "the room is back", func() bool {
		code, _ := ask()
		return code == 200
	})
}

// TestEndlessToolCalls: Ollama's clients get calls whole, so an engine could
// fill the memory with the pieces of one.
func TestEndlessToolCalls(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ *openai.Config, d *openai.Deps) {
		d.Infer = written{openaitest.New(), func(_ context.Context, w io.Writer) {
			piece := `data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"` + strings.Repeat("x", 64<<10) + `"}}]}}]}` + "\n\n"
			for range 64 {
				if _, err := io.WriteString(w, piece); err != nil {
					return
				}
			}
			_, _ = io.WriteString(w, "data: [DONE]\n\n")
		}}
	})
	_, body := s.ollama(t, "/api/chat", `{"model":"echo","messages":[{"role":"user","content":"x"}]}`)
	if len(body) > 4096 || !strings.Contains(body, "calls of more than") {
		t.Errorf("%d bytes: %.200s", len(body), body)
	}
}
