package infer_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"infernet.tech/infernet/exec/engine/echo/handler"
	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/node/infer/infertest"
)

// The added cost of a request: BenchmarkFake is the router with providers in
// memory that answer at once, BenchmarkReal all of it over libp2p to the real
// server and an engine without a model, BenchmarkEngine that engine alone.

func BenchmarkFake(b *testing.B) {
	for name, stream := range map[string]bool{"stream": true, "whole": false} {
		b.Run(name, func(b *testing.B) {
			bed := newBed(b, 3)
			bed.deps.Log, bed.deps.Tokens = nil, nil
			bed.cfg.Budget, bed.cfg.HourCap = 1<<40, 0
			for _, p := range bed.p {
				p.Script = script(infertest.Script{Words: 8})
			}
			bed.start()
			defer bed.end()
			many(b, bed.r, chat("how much is it", 8, stream))
		})
	}
}

func BenchmarkReal(b *testing.B) {
	for name, stream := range map[string]bool{"stream": true, "whole": false} {
		b.Run(name, func(b *testing.B) {
			_, _, r := pair(b)
			many(b, r, chat("how much is it", 8, stream))
		})
	}
}

func many(b *testing.B, r *infer.Router, req infer.Request) {
	drain(b, r, req)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			drain(b, r, req)
		}
	})
}

func drain(b *testing.B, r *infer.Router, req infer.Request) {
	res, err := r.Do(b.Context(), req)
	if err != nil {
		b.Error(err)
		return
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		b.Error(err)
	}
	res.Body.Close()
}

func BenchmarkEngine(b *testing.B) {
	for name, stream := range map[string]bool{"stream": true, "whole": false} {
		b.Run(name, func(b *testing.B) {
			srv := httptest.NewServer(handler.New(handler.Config{Model: "demo"}))
			defer srv.Close()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
			defer client.CloseIdleConnections()
			body := chat("how much is it", 8, stream).Body
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					res, err := client.Post(srv.URL+"/v1/chat/completions", "application/json", bytes.NewReader(body))
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
			})
		})
	}
}
