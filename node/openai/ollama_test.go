package openai_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/openai/openaitest"
)

// ollama posts as Ollama's clients do: no key, the token in the address.
func (s *served) ollama(t *testing.T, path, body string) (int, string) {
	t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+api.PathPrefix+s.token+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, buf.String()
}

// ollamaLine has the fields of the answers as Ollama documents them.
type ollamaLine struct {
	Model     string `json:"model"`
	CreatedAt string `json:"created_at"`
	Message   *struct {
		Role, Content string
		ToolCalls     []struct {
			Function struct {
				Name      string
				Arguments map[string]any
			}
		} `json:"tool_calls"`
	} `json:"message"`
	Response           *string `json:"response"`
	Done               bool    `json:"done"`
	DoneReason         string  `json:"done_reason"`
	TotalDuration      int64   `json:"total_duration"`
	PromptEvalCount    int     `json:"prompt_eval_count"`
	PromptEvalDuration int64   `json:"prompt_eval_duration"`
	EvalCount          int     `json:"eval_count"`
	EvalDuration       int64   `json:"eval_duration"`
	Error              string  `json:"error"`
}

func ollamaLines(t *testing.T, body string) []ollamaLine {
	t.Helper()
	var out []ollamaLine
	sc := bufio.NewScanner(strings.NewReader(body))
	for sc.Scan() {
		var l ollamaLine
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			t.Fatalf("%s: %v", sc.Text(), err)
		}
		out = append(out, l)
	}
	return out
}

func TestOllamaChat(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	const ask = `{"model":"echo:latest","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"one two three four"}],"keep_alive":"5m",
	 "options":{"temperature":0,"seed":42,"num_predict":3,"top_k":40,"top_p":0.9,"min_p":0.05,"repeat_penalty":1.1,"stop":["four"],"num_ctx":2048,"num_gpu":1}`
	status, body := s.ollama(t, "/api/chat", ask+"}")
	lines := ollamaLines(t, body)
	if status != 200 || len(lines) < 3 {
		t.Fatalf("%d %s", status, body)
	}
	text := ""
	for i, l := range lines {
		if l.Model != "echo:latest" || l.CreatedAt == "" || l.Message == nil || l.Message.Role != "assistant" || l.Response != nil || l.Done != (i == len(lines)-1) {
			t.Errorf("line %d: %+v", i, l)
		}
		text += l.Message.Content
	}
	if l := lines[len(lines)-1]; text != "one two three " || l.DoneReason != "length" || l.EvalCount != 3 || l.PromptEvalCount != 6 || l.TotalDuration <= 0 || l.PromptEvalDuration <= 0 {
		t.Errorf("%q, then %+v", text, l)
	}
	var sent map[string]any
	if err := json.Unmarshal(s.engine.Last().Body, &sent); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"model": "echo", "temperature": 0.0, "seed": 42.0, "max_tokens": 3.0, "top_k": 40.0, "top_p": 0.9, "min_p": 0.05, "repetition_penalty": 1.1} {
		if sent[name] != want {
			t.Errorf("%s is %v, want %v", name, sent[name], want)
		}
	}
	if _, there := sent["num_ctx"]; there || !s.engine.Last().Deterministic {
		t.Errorf("%v", sent)
	}
	status, body = s.ollama(t, "/api/chat", ask+`,"stream":false}`)
	if lines := ollamaLines(t, body); status != 200 || len(lines) != 1 || lines[0].Message.Content != "one two three " || !lines[0].Done || lines[0].EvalCount != 3 {
		t.Errorf("%d %s", status, body)
	}
}

func TestOllamaGenerate(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	for name, tc := range map[string]struct{ body, path, text string }{
		"plain":  {`{"model":"echo","prompt":"a b","system":"brief"}`, "/v1/chat/completions", "a b"},
		"raw":    {`{"model":"echo","prompt":"a b","raw":true}`, "/v1/completions", "a b"},
		"json":   {`{"model":"echo","prompt":"a b","format":"json"}`, "/v1/chat/completions", `{"form":"json"}`},
		"schema": {`{"model":"echo","prompt":"a b","format":{"type":"object"}}`, "/v1/chat/completions", `{"schema":"answer"}`},
		"whole":  {`{"model":"echo","prompt":"a b","stream":false}`, "/v1/chat/completions", "a b"},
	} {
		status, body := s.ollama(t, "/api/generate", tc.body)
		text, done := "", false
		for _, l := range ollamaLines(t, body) {
			if l.Response == nil || l.Message != nil {
				t.Fatalf("%s: %s", name, body)
			}
			text += *l.Response
			done = l.Done && l.DoneReason == "stop"
		}
		if status != 200 || text != tc.text || !done || s.engine.Last().Path != tc.path {
			t.Errorf("%s: %d %s by %s", name, status, body, s.engine.Last().Path)
		}
	}
	if status, body := s.ollama(t, "/api/generate", `{"model":"echo"}`); status != 200 || !strings.Contains(body, `"done_reason":"load"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := s.ollama(t, "/api/chat", `{"model":"echo","keep_alive":0}`); status != 200 || !strings.Contains(body, `"done_reason":"unload"`) {
		t.Errorf("%d %s", status, body)
	}
}

func TestOllamaTools(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	status, body := s.ollama(t, "/api/chat", `{"model":"echo","stream":false,"tools":[{"type":"function","function":{"name":"sum"}}],"messages":[
	 {"role":"user","content":"17+25?","images":["iVBORw0KGgo="]},
	 {"role":"assistant","content":"","tool_calls":[{"function":{"name":"sum","arguments":{"a":17,"b":25}}}]},
	 {"role":"tool","tool_name":"sum","content":"42"}]}`)
	if status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	sent := string(s.engine.Last().Body)
	for _, want := range []string{`"arguments":"{\"a\":17,\"b\":25}"`, `"tool_call_id":"call_1_0"`, `"id":"call_1_0"`, `"tools":[`, `data:image/png;base64,iVBORw0KGgo=`} {
		if !strings.Contains(sent, want) {
			t.Errorf("%s lacks %s", sent, want)
		}
	}
}

func TestOllamaLists(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	for path, want := range map[string]string{
		"/":            "Ollama is running",
		"/api/version": `"version":"`,
		"/api/ps":      `"models":[]`,
		"/api/tags":    `"name":"echo:latest","model":"echo:latest"`,
		"/v1/models":   `"id":"echo"`,
	} {
		if status, body := s.ollama(t, path, ""); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body := s.ollama(t, "/api/show", `{"model":"echo"}`); status != 200 || !strings.Contains(body, `"capabilities":["completion"]`) || !strings.Contains(body, "4096") {
		t.Errorf("%d %s", status, body)
	}
}

func TestOllamaEmbed(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	var got struct {
		Embeddings [][]float64
		Embedding  []float64
		Count      int `json:"prompt_eval_count"`
	}
	status, body := s.ollama(t, "/api/embed", `{"model":"echo","input":["a bb","c"]}`)
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 || len(got.Embeddings) != 2 || got.Count != 3 {
		t.Fatalf("%d %s %v", status, body, err)
	}
	sum := 0.0
	for _, x := range got.Embeddings[0] {
		sum += x * x
	}
	if math.Abs(sum-1) > 1e-5 {
		t.Errorf("length %f", sum)
	}
	if status, body = s.ollama(t, "/api/embed", `{"model":"echo","input":"c"}`); status != 200 || strings.Count(body, "[[") != 1 {
		t.Errorf("%d %s", status, body)
	}
	status, body = s.ollama(t, "/api/embeddings", `{"model":"echo","prompt":"a bb"}`)
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 || len(got.Embedding) != 3 || got.Embedding[0] != 4 {
		t.Errorf("%d %s", status, body)
	}
}

func TestOllamaErrors(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	for _, tc := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"/api/chat", chat("nothing", "x", ""), 404, "nobody serves it"},
		{"/api/chat", chat(openaitest.Full, "x", ""), 429, "queue"},
		{"/api/chat", `{"messages":[]}`, 400, "model is required"},
		{"/api/chat", `{`, 400, "body"},
		{"/api/chat", chat("echo", "x", `,"options":{"temperature":"hot"}`), 400, "options.temperature"},
		{"/api/chat", chat("echo", "x", `,"format":"xml"`), 400, "format"},
		{"/api/generate", `{"model":"echo","prompt":"x","context":[1,2]}`, 400, "context"},
		{"/api/show", `{"model":"nothing"}`, 404, "nothing"},
		{"/api/pull", `{"model":"echo"}`, 501, "infernet help model"},
		{"/api/chat", "", 405, "GET"},
		{"/api/nothing", "", 404, "nothing"},
		{"/api/jobs", "", 404, "nothing"}, // the node's own are not behind this address
	} {
		status, body := s.ollama(t, tc.path, tc.body)
		var e struct{ Error string }
		if err := json.Unmarshal([]byte(body), &e); err != nil || status != tc.status || !strings.Contains(e.Error, tc.says) {
			t.Errorf("%s %s: %d %s", tc.path, tc.body, status, body)
		}
	}
	_, body := s.ollama(t, "/api/chat", chat(openaitest.Cut, "one two three", ""))
	if lines := ollamaLines(t, body); len(lines) != 3 || !strings.Contains(lines[2].Error, "cut short") || lines[1].Done {
		t.Errorf("%s", body)
	}
	if status, body := s.do(t, "POST", api.PathPrefix+strings.Repeat("0", 64)+"/api/chat", chat("echo", "x", "")); status.StatusCode != 401 || !strings.HasPrefix(body, `{"error":"`) {
		t.Errorf("wrong token in the address: %d %s", status.StatusCode, body)
	}
}
