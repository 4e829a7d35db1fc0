package openai_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdk "github.com/openai/openai-go/v3"

	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/node/openai"
	"infernet.tech/infernet/node/openai/openaitest"
)

// upload puts a batch's input onto the shelf with the official client.
func (s *served) upload(t *testing.T, text string) string {
	t.Helper()
	c := s.client()
	f, err := c.Files.New(t.Context(), sdk.FileNewParams{File: sdk.File(strings.NewReader(text), "input.jsonl", "application/jsonl"), Purpose: sdk.FilePurposeBatch})
	if err != nil {
		t.Fatal(err)
	}
	return f.ID
}

func (s *served) begin(t *testing.T, file string, meta map[string]string) string {
	t.Helper()
	c := s.client()
	b, err := c.Batches.New(t.Context(), sdk.BatchNewParams{
		CompletionWindow: sdk.BatchNewParamsCompletionWindow24h, Endpoint: sdk.BatchNewParamsEndpointV1ChatCompletions, InputFileID: file, Metadata: meta,
	})
	if err != nil {
		t.Fatal(err)
	}
	if b.Status != "validating" || b.InputFileID != file || b.Object != "batch" {
		t.Errorf("new batch: %s", b.RawJSON())
	}
	return b.ID
}

// end waits for a batch's end.
func (s *served) end(t *testing.T, id string) *sdk.Batch {
	t.Helper()
	c := s.client()
	var b *sdk.Batch
	eventually(t, "the batch ends", func() bool {
		var err error
		if b, err = c.Batches.Get(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		switch b.Status {
		case "completed", "failed", "cancelled", "expired":
			return true
		}
		return false
	})
	return b
}

// lines reads a file of a batch by custom id.
func (s *served) lines(t *testing.T, file string) map[string]outLine {
	t.Helper()
	out := map[string]outLine{}
	if file == "" {
		return out
	}
	c := s.client()
	resp, err := c.Files.Content(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	sc := bufio.NewScanner(resp.Body)
	sc.Buffer(nil, 8<<20)
	for sc.Scan() {
		var l outLine
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil || l.ID == "" {
			t.Fatalf("%s: %v", sc.Text(), err)
		}
		if _, twice := out[l.CustomID]; twice {
			t.Errorf("%s twice", l.CustomID)
		}
		out[l.CustomID] = l
	}
	return out
}

type outLine struct {
	ID       string `json:"id"`
	CustomID string `json:"custom_id"`
	Response *struct {
		StatusCode int             `json:"status_code"`
		RequestID  string          `json:"request_id"`
		Body       json.RawMessage `json:"body"`
	} `json:"response"`
	Error *struct{ Code, Message string } `json:"error"`
}

func (l outLine) text(t *testing.T) string {
	t.Helper()
	var c sdk.ChatCompletion
	if l.Response == nil || json.Unmarshal(l.Response.Body, &c) != nil || len(c.Choices) != 1 {
		t.Fatalf("%+v is no answer", l)
	}
	return c.Choices[0].Message.Content
}

// batchLine is one line of a batch's input.
func batchLine(id, model, question, more string) string {
	return `{"custom_id":"` + id + `","method":"POST","url":"/v1/chat/completions","body":` + chat(model, question, more) + "}\n"
}

func TestBatchOfRequests(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	var in strings.Builder
	for i := range 30 {
		in.WriteString(batchLine(fmt.Sprint("q", i), openaitest.Echo, fmt.Sprint("question ", i), `,"temperature":1`))
	}
	in.WriteString("\n" + batchLine("lost", "nothing", "x", ""))
	in.WriteString(batchLine("twice", openaitest.Flaky, "x", ""))
	file := s.upload(t, in.String())
	b := s.end(t, s.begin(t, file, map[string]string{"who": "me"}))
	if b.Status != "completed" || b.RequestCounts.Total != 32 || b.RequestCounts.Completed != 31 || b.RequestCounts.Failed != 1 || b.Metadata["who"] != "me" {
		t.Errorf("%s", b.RawJSON())
	}
	if !strings.Contains(b.RawJSON(), `"path":"requests"`) || b.CompletedAt == 0 || b.FinalizingAt == 0 || b.InProgressAt == 0 {
		t.Errorf("%s", b.RawJSON())
	}
	good, bad := s.lines(t, b.OutputFileID), s.lines(t, b.ErrorFileID)
	if len(good) != 31 || len(bad) != 1 || good["q7"].text(t) != "question 7" || good["twice"].Response.StatusCode != 200 {
		t.Errorf("%d good, %d bad", len(good), len(bad))
	}
	if l := bad["lost"]; l.Response == nil || l.Response.StatusCode != 404 || !strings.Contains(string(l.Response.Body), "model_not_found") {
		t.Errorf("%+v", l)
	}
	if strings.Contains(string(good["q1"].Response.Body), "token_ids") {
		t.Error("token ids nobody asked for")
	}
	if s.engine.Peak() > openai.Default().Parallel {
		t.Errorf("%d at once", s.engine.Peak())
	}
}

func TestBatchFaults(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	good := batchLine("a", openaitest.Echo, "x", "")
	for name, tc := range map[string]struct{ in, code, says string }{
		"nothing":         {"\n\n", "empty_file", "no request"},
		"no JSON":         {good + "{\n", "invalid_json_line", "expected"},
		"same id":         {good + good, "duplicate_custom_id", `"a"`},
		"no id":           {batchLine("", openaitest.Echo, "x", ""), "missing_required_parameter", "custom_id"},
		"method":          {strings.Replace(good, "POST", "GET", 1), "invalid_method", "GET"},
		"url":             {strings.Replace(good, "/v1/chat/completions", "/v1/embeddings", 1), "invalid_url", "embeddings"},
		"unknown field":   {strings.Replace(good, `"method"`, `"x":1,"method"`, 1), "unknown_parameter", "x"},
		"stream":          {batchLine("a", openaitest.Echo, "x", `,"stream":true`), "invalid_body", "not streamed"},
		"temperature":     {batchLine("a", openaitest.Echo, "x", `,"temperature":9`), "invalid_body", "from 0 to 2"},
		"too long":        {good + batchLine("b", openaitest.Echo, strings.Repeat("x", 5<<20), ""), "line_too_long", "longer"},
		"after an object": {strings.Replace(good, "\n", "{}\n", 1), "invalid_json_line", "follows"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := s.end(t, s.begin(t, s.upload(t, tc.in), nil))
			if b.Status != "failed" || len(b.Errors.Data) != 1 || b.FailedAt == 0 || b.OutputFileID != "" {
				t.Fatalf("%s", b.RawJSON())
			}
			if e := b.Errors.Data[0]; e.Code != tc.code || !strings.Contains(e.Message, tc.says) {
				t.Errorf("%s", b.RawJSON())
			}
		})
	}
}

func TestBatchCancel(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	in := batchLine("a", openaitest.Echo, "quick", `,"temperature":1`) + batchLine("b", openaitest.Hang, "never", "")
	id := s.begin(t, s.upload(t, in), nil)
	c := s.client()
	if !s.engine.Began(t.Context(), 2) {
		t.Fatal("not asked")
	}
	eventually(t, "one is counted", func() bool {
		b, err := c.Batches.Get(t.Context(), id)
		return err == nil && b.RequestCounts.Completed == 1
	})
	if s.face.Live() != 1 {
		t.Error("not live")
	}
	if b, err := c.Batches.Cancel(t.Context(), id); err != nil || b.Status != "cancelling" {
		t.Errorf("%v %v", b, err)
	}
	b := s.end(t, id)
	if b.Status != "cancelled" || b.CancelledAt == 0 || b.CancellingAt == 0 || len(s.lines(t, b.OutputFileID)) != 1 {
		t.Errorf("%s", b.RawJSON())
	}
	if !s.engine.Gone(t.Context(), 1) || s.face.Live() != 0 {
		t.Error("it goes on")
	}
	_, err := c.Batches.Cancel(t.Context(), id)
	wantError(t, err, 409, "batch_ended")
}

// awake asks the echo wherever it was to hang.
type awake struct{ *openaitest.Engine }

func (a awake) Do(ctx context.Context, req infer.Request) (*infer.Response, error) {
	if req.Model == openaitest.Hang {
		req.Model = openaitest.Echo
	}
	return a.Engine.Do(ctx, req)
}

func TestBatchSurvivesRestart(t *testing.T) {
	t.Parallel()
	s := prepare(t, nil)
	stop := s.start(t)
	in := ""
	for i := range 3 {
		in += batchLine(fmt.Sprint("q", i), openaitest.Echo, fmt.Sprint("n ", i), `,"temperature":1`)
	}
	id := s.begin(t, s.upload(t, in+batchLine("late", openaitest.Hang, "woken", "")), nil)
	c := s.client()
	eventually(t, "three are counted", func() bool {
		b, err := c.Batches.Get(t.Context(), id)
		return err == nil && b.RequestCounts.Completed == 3
	})
	stop()
	// A line that a crash cut in two is asked again.
	f, err := os.OpenFile(filepath.Join(s.cfg.Dir, id+".out"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"id":"batch_req_1","custom_id":"late","resp`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s.deps.Infer = awake{s.engine}
	before := len(s.engine.Asked())
	t.Cleanup(s.start(t))
	b := s.end(t, id)
	out := s.lines(t, b.OutputFileID)
	if b.Status != "completed" || len(out) != 4 || out["late"].text(t) != "woken" || b.RequestCounts.Completed != 4 {
		t.Errorf("%s: %v", b.RawJSON(), out)
	}
	if n := len(s.engine.Asked()) - before; n != 1 {
		t.Errorf("%d lines asked again", n)
	}
}

// TestBatchExpires: what was answered in time is kept, and of the rest it is
// said that time ran out. The day passes while the node is stopped.
func TestBatchExpires(t *testing.T) {
	t.Parallel()
	s := prepare(t, nil)
	stop := s.start(t)
	in := batchLine("a", openaitest.Echo, "quick", `,"temperature":1`) + batchLine("b", openaitest.Hang, "never", "")
	id := s.begin(t, s.upload(t, in), nil)
	c := s.client()
	eventually(t, "one is counted", func() bool {
		b, err := c.Batches.Get(t.Context(), id)
		return err == nil && b.RequestCounts.Completed == 1
	})
	stop()
	// The last half second of the window, or what is after it.
	before := s.cfg.Window - 500*time.Millisecond
	s.deps.Now = func() time.Time { return time.Now().Add(before) }
	t.Cleanup(s.start(t))
	b := s.end(t, id)
	good, bad := s.lines(t, b.OutputFileID), s.lines(t, b.ErrorFileID)
	if b.Status != "expired" || b.ExpiredAt == 0 || bad["b"].Error == nil || bad["b"].Error.Code != "batch_expired" || b.RequestCounts.Failed != 1 {
		t.Errorf("%s: %v", b.RawJSON(), bad)
	}
	if b.RequestCounts.Completed != 1 || len(good) != 1 || good["a"].text(t) != "quick" {
		t.Errorf("%s: %v", b.RawJSON(), good)
	}
}

func TestBatchList(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	file := s.upload(t, batchLine("a", openaitest.Echo, "x", ""))
	want := map[string]bool{}
	for range 5 {
		id := s.begin(t, file, nil)
		want[id] = true
		s.end(t, id)
	}
	c := s.client()
	for it := c.Batches.ListAutoPaging(t.Context(), sdk.BatchListParams{Limit: sdk.Int(2)}); it.Next(); {
		if !want[it.Current().ID] {
			t.Errorf("%s twice, or of nobody", it.Current().ID)
		}
		delete(want, it.Current().ID)
	}
	if len(want) > 0 {
		t.Errorf("not listed: %v", want)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *openai.Config, _ *openai.Deps) { c.MaxFile, c.MaxStored = 1<<20, 3<<20 })
	c := s.client()
	a := s.upload(t, "first\n")
	b := s.upload(t, "second\n")
	page, err := c.Files.List(t.Context(), sdk.FileListParams{Purpose: sdk.String("batch"), Limit: sdk.Int(1)})
	if err != nil || len(page.Data) != 1 || !page.HasMore {
		t.Fatalf("%v %v", page, err)
	}
	seen := map[string]bool{}
	for it := c.Files.ListAutoPaging(t.Context(), sdk.FileListParams{Limit: sdk.Int(1)}); it.Next(); {
		seen[it.Current().ID] = true
	}
	if !seen[a] || !seen[b] || len(seen) != 2 {
		t.Errorf("listed %v", seen)
	}
	f, err := c.Files.Get(t.Context(), a)
	if err != nil || f.Bytes != 6 || f.Filename != "input.jsonl" || f.Purpose != "batch" {
		t.Errorf("%v %v", f, err)
	}
	resp, err := c.Files.Content(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(raw) != "first\n" {
		t.Errorf("%q", raw)
	}
	if gone, err := c.Files.Delete(t.Context(), a); err != nil || !gone.Deleted {
		t.Errorf("%v %v", gone, err)
	}
	_, err = c.Files.Get(t.Context(), a)
	wantError(t, err, 404, "not_found")
	_, err = c.Files.New(t.Context(), sdk.FileNewParams{File: strings.NewReader("x"), Purpose: sdk.FilePurposeAssistants})
	wantError(t, err, 400, "")
	big := func(n int) sdk.FileNewParams {
		return sdk.FileNewParams{File: strings.NewReader(strings.Repeat("x", n)), Purpose: sdk.FilePurposeBatch}
	}
	_, err = c.Files.New(t.Context(), big(2<<20))
	wantError(t, err, 413, "request_too_large")
	for range 2 {
		if _, err = c.Files.New(t.Context(), big(1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.Files.New(t.Context(), big(1<<20))
	wantError(t, err, 413, "request_too_large")
	for _, tc := range []struct{ path, body string }{{"/v1/files", "{}"}, {"/v1/batches", `{"endpoint":"/v1/chat/completions","completion_window":"24h","input_file_id":"file-no"}`}} {
		if resp, body := s.do(t, http.MethodPost, tc.path, tc.body); resp.StatusCode/100 != 4 || !strings.Contains(body, `"invalid_request_error"`) {
			t.Errorf("%s: %d %s", tc.path, resp.StatusCode, body)
		}
	}
}
