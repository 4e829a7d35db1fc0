package openai_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"

	"infernet.tech/infernet/node/openai/openaitest"
)

// client is the official client, pointed at a node.
func (s *served) client() sdk.Client {
	return sdk.NewClient(option.WithBaseURL(s.url+"/v1"), option.WithAPIKey(s.token), option.WithMaxRetries(0))
}

func say(model, text string) sdk.ChatCompletionNewParams {
	return sdk.ChatCompletionNewParams{Model: model, Messages: []sdk.ChatCompletionMessageParamUnion{sdk.UserMessage(text)}}
}

func TestGoClientChat(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := s.client()
	p := say(openaitest.Echo, "one two three four")
	p.Seed, p.MaxTokens, p.Logprobs, p.TopLogprobs = sdk.Int(7), sdk.Int(3), sdk.Bool(true), sdk.Int(1)
	var raw *http.Response
	got, err := c.Chat.Completions.New(t.Context(), p, option.WithResponseInto(&raw), option.WithHeader("X-Infernet-Session", "s1"), option.WithHeader("X-Infernet-Max-Price-Out", "900"))
	if err != nil {
		t.Fatal(err)
	}
	ch := got.Choices[0]
	if ch.Message.Content != "one two three " || ch.FinishReason != "length" || !strings.Contains(got.RawJSON(), `"fp_seed_7"`) {
		t.Errorf("%+v", got)
	}
	if got.Usage.PromptTokens != 4 || got.Usage.CompletionTokens != 3 || got.Usage.TotalTokens != 7 {
		t.Errorf("usage %+v", got.Usage)
	}
	if len(ch.Logprobs.Content) != 3 || ch.Logprobs.Content[0].TopLogprobs[0].Token != "one " {
		t.Errorf("logprobs %+v", ch.Logprobs)
	}
	if strings.Contains(got.RawJSON(), "token_ids") {
		t.Errorf("token ids nobody asked for: %s", got.RawJSON())
	}
	h := raw.Header
	if h.Get("X-Request-Id") == "" || !strings.HasPrefix(h.Get("X-Infernet-Provider"), "npub1") || h.Get("X-Infernet-Verified") != "claimed" ||
		h.Get("X-Infernet-Lease") != openaitest.Lease.String() || h.Get("X-Infernet-Price") != "in=1000, out=3000, per=1000000, unit=credits" {
		t.Errorf("headers %v", h)
	}
	if last := s.engine.Last(); last.Session != "s1" || last.MaxPriceOut.Human() != "900 credits" || !last.Deterministic || last.Stream {
		t.Errorf("request %+v", last)
	}
}

func TestGoClientStream(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := s.client()
	for _, usage := range []bool{false, true} {
		p := say(openaitest.Echo, "one two STOP three")
		p.Stop = sdk.ChatCompletionNewParamsStopUnion{OfStringArray: []string{"STOP"}}
		if usage {
			p.StreamOptions = sdk.ChatCompletionStreamOptionsParam{IncludeUsage: sdk.Bool(true)}
		}
		stream := c.Chat.Completions.NewStreaming(t.Context(), p)
		var acc sdk.ChatCompletionAccumulator
		chunks := 0
		for stream.Next() {
			chunk := stream.Current()
			if !acc.AddChunk(chunk) {
				t.Errorf("chunk of another answer: %s", chunk.RawJSON())
			}
			if strings.Contains(chunk.RawJSON(), "token_ids") {
				t.Errorf("token ids nobody asked for: %s", chunk.RawJSON())
			}
			if len(chunk.Choices) == 0 && !usage {
				t.Errorf("usage nobody asked for: %s", chunk.RawJSON())
			}
			chunks++
		}
		if err := stream.Err(); err != nil {
			t.Fatal(err)
		}
		if acc.Choices[0].Message.Content != "one two " || acc.Choices[0].FinishReason != "stop" || chunks < 3 {
			t.Errorf("%d chunks: %+v", chunks, acc.Choices)
		}
		if want := int64(4); usage && acc.Usage.PromptTokens != want || !usage && acc.Usage.PromptTokens != 0 {
			t.Errorf("usage %+v", acc.Usage)
		}
	}
}

func TestGoClientForms(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := s.client()
	p := say(openaitest.Echo, "anything")
	p.ResponseFormat = sdk.ChatCompletionNewParamsResponseFormatUnion{OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{
		JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "person", Strict: sdk.Bool(true), Schema: map[string]any{"type": "object"}},
	}}
	got, err := c.Chat.Completions.New(t.Context(), p)
	if err != nil || got.Choices[0].Message.Content != `{"schema":"person"}` {
		t.Errorf("%v %v", got, err)
	}
	done, err := c.Completions.New(t.Context(), sdk.CompletionNewParams{Model: openaitest.Echo, Prompt: sdk.CompletionNewParamsPromptUnion{OfString: sdk.String("a b c")}})
	if err != nil || done.Choices[0].Text != "a b c" || strings.Contains(done.RawJSON(), "token_ids") {
		t.Errorf("%v %v", done, err)
	}
	stream := c.Completions.NewStreaming(t.Context(), sdk.CompletionNewParams{Model: openaitest.Echo, Prompt: sdk.CompletionNewParamsPromptUnion{OfString: sdk.String("a b c")}})
	text := ""
	for stream.Next() {
		for _, ch := range stream.Current().Choices {
			text += ch.Text
		}
	}
	if stream.Err() != nil || text != "a b c" {
		t.Errorf("%q %v", text, stream.Err())
	}
	emb, err := c.Embeddings.New(t.Context(), sdk.EmbeddingNewParams{Model: openaitest.Echo, Input: sdk.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a bb", "c"}}})
	if err != nil || len(emb.Data) != 2 || emb.Data[0].Embedding[0] != 4 || emb.Data[1].Embedding[1] != 1 || emb.Usage.PromptTokens != 3 {
		t.Errorf("%v %v", emb, err)
	}
}

func TestGoClientModels(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := s.client()
	page, err := c.Models.List(t.Context())
	if err != nil || len(page.Data) != 3 || page.Data[0].ID != openaitest.Echo || page.Data[0].Created != 1700000000 {
		t.Fatalf("%v %v", page, err)
	}
	for _, name := range []string{openaitest.Echo, "org/" + openaitest.Echo, openaitest.CID} {
		if _, err := c.Models.Get(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = c.Models.Get(t.Context(), "nothing")
	wantError(t, err, 404, "model_not_found")
}

// wantError checks that the official client understood a failure.
func wantError(t *testing.T, err error, status int, code string) {
	t.Helper()
	var e *sdk.Error
	if !errors.As(err, &e) || e.StatusCode != status || e.Code != code || e.Message == "" || e.Type == "" {
		t.Errorf("got %T %v, want %d %s", err, err, status, code)
		if e != nil {
			t.Errorf("%d %q %q %q", e.StatusCode, e.Code, e.Type, e.Message)
		}
	}
}

func TestGoClientErrors(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	good := s.client()
	wrong := sdk.NewClient(option.WithBaseURL(s.url+"/v1"), option.WithAPIKey("sk-wrong"), option.WithMaxRetries(0))
	bad := say(openaitest.Echo, "x")
	bad.Temperature = sdk.Float(3)
	large := say(openaitest.Echo, strings.Repeat("x", 5<<20))
	for name, tc := range map[string]struct {
		client sdk.Client
		params sdk.ChatCompletionNewParams
		status int
		code   string
	}{
		"wrong key":        {wrong, say(openaitest.Echo, "x"), 401, "invalid_api_key"},
		"no such model":    {good, say("nothing", "x"), 404, "model_not_found"},
		"busy":             {good, say(openaitest.Full, "x"), 429, "rate_limit_exceeded"},
		"nobody":           {good, say(openaitest.Broken, "x"), 503, "service_unavailable"},
		"own fault":        {good, say(openaitest.Bare, "x"), 500, ""},
		"cut answer":       {good, say(openaitest.Cut, "x"), 502, "upstream_error"},
		"huge answer":      {good, say(openaitest.Huge, "x"), 502, "upstream_error"},
		"wrong parameter":  {good, bad, 400, ""},
		"large":            {good, large, 413, "request_too_large"},
		"no message":       {good, sdk.ChatCompletionNewParams{Model: openaitest.Echo, Messages: []sdk.ChatCompletionMessageParamUnion{}}, 400, ""},
		"no model at all":  {good, say("", "x"), 400, ""},
		"model of a space": {good, say(" ", "x"), 404, "model_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tc.client.Chat.Completions.New(t.Context(), tc.params)
			wantError(t, err, tc.status, tc.code)
		})
	}
	for model, want := range map[string]string{openaitest.Cut: "cut short", openaitest.Failing: "provider is gone", openaitest.Garbage: "not JSON", openaitest.Huge: "more than"} {
		stream := good.Chat.Completions.NewStreaming(t.Context(), say(model, "one two three"))
		words := ""
		for stream.Next() {
			if ch := stream.Current().Choices; len(ch) > 0 {
				words += ch[0].Delta.Content
			}
		}
		if err := stream.Err(); err == nil || !strings.Contains(fullText(err), want) || words != "one two " {
			t.Errorf("%s: %q, then %v", model, words, fullText(err))
		}
	}
}

// fullText is an error with what the client keeps out of its text.
func fullText(err error) string {
	var e *sdk.Error
	if errors.As(err, &e) {
		return e.RawJSON() + e.Message
	}
	return fmt.Sprint(err)
}

func TestGoClientCancel(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := s.client()
	ctx, cancel := context.WithCancel(t.Context())
	stream := c.Chat.Completions.NewStreaming(ctx, say(openaitest.Endless, "on and on "))
	if !stream.Next() {
		t.Fatal(stream.Err())
	}
	cancel()
	if !s.engine.Gone(t.Context(), 1) {
		t.Error("the engine goes on")
	}
	// One that has not said anything yet.
	ctx, cancel = context.WithCancel(t.Context())
	go func() {
		s.engine.Began(t.Context(), 2)
		cancel()
	}()
	if _, err := c.Chat.Completions.New(ctx, say(openaitest.Hang, "x")); err == nil {
		t.Error("an answer from nowhere")
	}
	if !s.engine.Gone(t.Context(), 2) {
		t.Error("the engine goes on")
	}
	eventually(t, "nothing is open", func() bool { return s.engine.Open() == 0 })
}

func TestGoClientFiftyAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := s.client()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			text := fmt.Sprintf("question %d of fifty", i)
			if i%2 == 0 {
				got, err := c.Chat.Completions.New(t.Context(), say(openaitest.Echo, text))
				if err != nil || got.Choices[0].Message.Content != text {
					t.Errorf("%d: %v %v", i, got, err)
				}
				return
			}
			stream := c.Chat.Completions.NewStreaming(t.Context(), say(openaitest.Echo, text))
			var acc sdk.ChatCompletionAccumulator
			for stream.Next() {
				acc.AddChunk(stream.Current())
			}
			if stream.Err() != nil || acc.Choices[0].Message.Content != text {
				t.Errorf("%d: %v %v", i, acc.Choices, stream.Err())
			}
		})
	}
	wg.Wait()
	if n := len(s.engine.Asked()); n != 50 {
		t.Errorf("%d requests arrived", n)
	}
}

func TestTokenIDsOnRequest(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	_, body := s.do(t, "POST", "/v1/chat/completions", chat(openaitest.Echo, "a b", `,"return_token_ids":true`))
	var got struct {
		Prompt  []int `json:"prompt_token_ids"`
		Choices []struct {
			IDs []int `json:"token_ids"`
		}
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || len(got.Prompt) != 2 || len(got.Choices[0].IDs) != 2 {
		t.Errorf("%s: %v", body, err)
	}
}
