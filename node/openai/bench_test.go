package openai_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"infernet.tech/infernet/node/openai"
	"infernet.tech/infernet/node/openai/openaitest"
	"infernet.tech/infernet/store"
)

// BenchmarkFace is one request of eight words through the face alone, over a
// kept-alive connection, against an engine that answers at once.
func BenchmarkFace(b *testing.B) {
	cfg := openai.Default()
	cfg.Dir = b.TempDir()
	f, err := openai.New(cfg, openai.Deps{Infer: openaitest.New(), Store: store.NewMem(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	mux := http.NewServeMux()
	f.Routes(mux)
	s := httptest.NewServer(mux)
	defer s.Close()
	for name, more := range map[string]string{"whole": "", "stream": `,"stream":true`} {
		body := chat(openaitest.Echo, "one two three four five six seven eight", more)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				resp, err := http.Post(s.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
					b.Fatal(resp.Status, err)
				}
				_ = resp.Body.Close()
			}
		})
	}
}
