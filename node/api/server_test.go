package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// backend answers with what a test puts into it.
type backend struct {
	spec   SubmitRequest
	events func(ctx context.Context, q EventQuery, fn func(Event) error) error
	jobs   []Job
	cancel context.CancelFunc
	face   Face
	query  ProviderQuery
	trust  Trust
}

func (b *backend) Status(context.Context) (Status, error) { return Status{NPub: "npub1x", PID: 7}, nil }
func (b *backend) Peers(context.Context) ([]Peer, error)  { return nil, nil }
func (b *backend) Stop(context.Context) error             { b.cancel(); return nil }
func (b *backend) Submit(_ context.Context, req SubmitRequest) (Job, error) {
	b.spec = req
	if strings.Contains(req.Spec, "bad") {
		return Job{}, &Error{Code: CodeInvalidSpec, Message: "refused", Problems: []Problem{{Line: 3, Message: "unknown key"}}}
	}
	return Job{ID: "j1", State: "submitted"}, nil
}
func (b *backend) List(context.Context) ([]Job, error) { return b.jobs, nil }
func (b *backend) Get(_ context.Context, id string) (Job, error) {
	return Job{}, Errorf(CodeNotFound, "infernet job list", "no job %q", id)
}
func (b *backend) Cancel(_ context.Context, id, why string) (Job, error) {
	return Job{ID: id, State: JobCancelled, Reason: why}, nil
}
func (b *backend) Explain(_ context.Context, id string) (Explanation, error) {
	return Explanation{ID: id}, nil
}
func (b *backend) Events(ctx context.Context, _ string, q EventQuery, fn func(Event) error) error {
	return b.events(ctx, q, fn)
}
func (b *backend) Export(_ context.Context, _, dest string) (JobResult, error) {
	return JobResult{Path: dest}, nil
}
func (b *backend) Receipts(context.Context, string) ([]Receipt, error) { return nil, nil }
func (b *backend) Providers(_ context.Context, q ProviderQuery) (ProviderList, error) {
	b.query = q
	return ProviderList{Dropped: []Candidate{{NPub: strings.Join(q.Keys, ",")}}}, nil
}
func (b *backend) Reputation(_ context.Context, npub string) (Reputation, error) {
	return Reputation{NPub: npub}, nil
}

// noMoney has none; what it does not answer no test asks.
type noMoney struct{ Money }

func (noMoney) Balances(context.Context) ([]Balance, error) { return nil, nil }
func (noMoney) Payments(context.Context, PaymentQuery) ([]Payment, error) {
	return nil, nil
}

// shelf takes bodies and keeps nothing.
type shelf struct{}

func (shelf) Add(_ context.Context, kind ContentKind, req AddRequest) (Content, error) {
	if req.Source == "hf:o/r/slow" {
		req.Progress(AddProgress{Bytes: 1, Total: 2})
		req.Progress(AddProgress{Bytes: 2, Total: 2})
		return Content{CID: "downloaded", Name: req.Name}, nil
	}
	if req.Source == "hf:o/r/cut" {
		req.Progress(AddProgress{Bytes: 1, Total: 2})
	}
	if req.Source != "" {
		return Content{}, Errorf(CodeRefused, "take another", "no %s", req.Source)
	}
	if req.Body == nil {
		return Content{CID: "path", Path: req.Path, Name: string(kind)}, nil
	}
	if req.Name == "refused" {
		return Content{}, Errorf(CodeConflict, "", "the name is taken")
	}
	n, err := io.Copy(io.Discard, req.Body)
	return Content{CID: "body", Size: uint64(n), Name: req.Name, Shared: req.Share}, err
}
func (shelf) List(context.Context, ContentKind) ([]Content, error) { return nil, nil }
func (shelf) Get(ctx context.Context, _ ContentKind, req GetRequest) (Content, error) {
	if req.Ref == "endless" {
		if req.Progress != nil {
			req.Progress(AddProgress{Bytes: 1, Total: 2})
		}
		<-ctx.Done()
		return Content{}, fmt.Errorf("fetch: %w", ctx.Err())
	}
	if req.Progress != nil {
		from := []SourceProgress{{State: "active"}, {State: "banned"}, {State: "active"}}
		req.Progress(AddProgress{Stage: StageFind})
		for b := range uint64(9) {
			req.Progress(AddProgress{Stage: StageFetch, Bytes: b + 1, Total: 9, Sources: from})
		}
	}
	return Content{CID: req.Ref, Path: req.Dest}, nil
}
func (shelf) Pin(_ context.Context, _ ContentKind, ref string, pinned bool) (Content, error) {
	return Content{CID: ref, Pinned: pinned}, nil
}
func (shelf) Show(_ context.Context, ref string, template bool) (Content, error) {
	if template {
		return Content{CID: ref, Model: &ModelHead{TemplateText: "jinja"}}, nil
	}
	return Content{CID: ref}, nil
}
func (shelf) Alias(_ context.Context, kind ContentKind, req AliasRequest) (Content, error) {
	return Content{CID: req.Ref, Name: req.Name, Path: string(kind)}, nil
}
func (shelf) Remove(_ context.Context, kind ContentKind, name string) (Content, error) {
	return Content{Name: name, Path: string(kind)}, nil
}
func (shelf) GC(_ context.Context, _ ContentKind, req GCRequest) (GCReport, error) {
	return GCReport{DryRun: req.DryRun, Quota: req.Keep}, nil
}

// serve runs a server for a test and returns a client for it.
func serve(t *testing.T, b *backend) (*Client, string) {
	t.Helper()
	home := t.TempDir()
	s, err := NewServer(DefaultConfig(home), Backends{Node: b, Jobs: b, Results: b, Content: shelf{}, Market: b, Money: noMoney{}, Trust: b.trust, Face: b.face}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if _, err := os.Stat(filepath.Join(home, FileName)); !os.IsNotExist(err) {
			t.Errorf("api.json is still there: %v", err)
		}
	})
	<-s.Ready()
	c, err := Dial(home)
	if err != nil {
		t.Fatal(err)
	}
	return c, home
}

func TestGuard(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &backend{})
	_, port, _ := strings.Cut(c.Addr(), ":")
	for _, tc := range []struct {
		name   string
		change func(*http.Request)
		status int
		code   Code
	}{
		{"as it should be", func(*http.Request) {}, 200, ""},
		{"localhost", func(r *http.Request) { r.Host = "localhost:" + port }, 200, ""},
		{"ipv6", func(r *http.Request) { r.Host = "[::1]:" + port }, 200, ""},
		{"own page", func(r *http.Request) { r.Header.Set("Origin", "http://"+c.Addr()) }, 200, ""},
		{"no token", func(r *http.Request) { r.Header.Del("Authorization") }, 401, CodeUnauthorized},
		{"wrong token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+strings.Repeat("0", 64)) }, 401, CodeUnauthorized},
		{"part of the token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+c.Token()[:63]) }, 401, CodeUnauthorized},
		{"other scheme", func(r *http.Request) { r.Header.Set("Authorization", "Basic "+c.Token()) }, 401, CodeUnauthorized},
		{"rebound name", func(r *http.Request) { r.Host = "evil.example:" + port }, 403, CodeForbidden},
		{"loopback in a name", func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }, 403, CodeForbidden},
		{"page of another site", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403, CodeForbidden},
		{"page of another port", func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:1") }, 403, CodeForbidden},
		{"page of a file", func(r *http.Request) { r.Header.Set("Origin", "null") }, 403, CodeForbidden},
		{"cross-site fetch", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403, CodeForbidden},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			status, e := ask(t, c, http.MethodGet, "/api/status", nil, tc.change)
			if status != tc.status || e.Code != tc.code {
				t.Errorf("status %d, code %q; want %d, %q", status, e.Code, tc.status, tc.code)
			}
			if tc.code != "" && (e.Message == "" || e.Hint == "") {
				t.Errorf("unexplained: %+v", e)
			}
		})
	}
}

// ask sends one request with the right token unless change alters it.
func ask(t *testing.T, c *Client, method, path string, body io.Reader, change func(*http.Request)) (int, Error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+c.Addr()+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token())
	req.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("another origin is allowed to read this")
	}
	var b struct {
		Error Error `json:"error"`
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		if err := json.Unmarshal(raw, &b); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
	}
	return resp.StatusCode, b.Error
}

func TestBodies(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &backend{})
	form := func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }
	bytesType := func(r *http.Request) { r.Header.Set("Content-Type", "application/octet-stream") }
	for _, tc := range []struct {
		name, method, path, body string
		change                   func(*http.Request)
		code                     Code
	}{
		{"good", "POST", "/api/jobs", `{"spec":"x"}`, nil, ""},
		{"unknown field", "POST", "/api/jobs", `{"spec":"x","sepc":"y"}`, nil, CodeBadRequest},
		{"two documents", "POST", "/api/jobs", `{"spec":"x"}{}`, nil, CodeBadRequest},
		{"cut", "POST", "/api/jobs", `{"spec":`, nil, CodeBadRequest},
		{"form", "POST", "/api/jobs", `spec=x`, form, CodeBadRequest},
		{"too large", "POST", "/api/jobs", `{"spec":"` + strings.Repeat("x", maxBody) + `"}`, nil, CodeTooLarge},
		{"bytes too large", "POST", "/api/data", strings.Repeat("x", MaxPrompt+1), bytesType, CodeTooLarge},
		{"bytes as a model", "POST", "/api/models", "x", bytesType, CodeBadRequest},
		{"relative path", "POST", "/api/data", `{"path":"x"}`, nil, CodeBadRequest},
		{"relative destination", "POST", "/api/jobs/j1/results", `{"dest":"../x"}`, nil, CodeBadRequest},
		{"no such path", "GET", "/api/nothing", "", nil, CodeNotFound},
		{"wrong method", "DELETE", "/api/jobs", "", nil, CodeNotFound},
		{"no such job", "GET", "/api/jobs/%1b", "", nil, CodeNotFound},
		{"bad number", "GET", "/api/providers?max=many", "", nil, CodeBadRequest},
		{"bad price", "GET", "/api/providers?max_price_in=cheap", "", nil, CodeBadRequest},
		{"no inference", "GET", "/api/leases", "", nil, CodeNotReady},
		{"no evidence", "GET", "/api/leases/1a/evidence", "", nil, CodeNotReady},
		{"no audits", "GET", "/api/audits", "", nil, CodeNotReady},
		{"no replays", "POST", "/api/replay", `{"model":"m"}`, nil, CodeNotReady},
		{"bad position", "GET", "/api/jobs/j1/events?after=-1", "", nil, CodeBadRequest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, e := ask(t, c, tc.method, tc.path, strings.NewReader(tc.body), tc.change); e.Code != tc.code {
				t.Errorf("code %q (%s), want %q", e.Code, e.Message, tc.code)
			}
		})
	}
}

func TestOnlyLoopback(t *testing.T) {
	t.Parallel()
	for addr, ok := range map[string]bool{
		"127.0.0.1:0": true, "[::1]:0": true, "localhost:0": true,
		"0.0.0.0:0": false, ":0": false, "192.0.2.1:80": false, "127.0.0.1": false, "127.0.0.1:": false,
	} {
		if err := (Config{Home: "x", Addr: addr}).Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", addr, err)
		}
	}
}

func TestFileIsPrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no mode bits")
	}
	_, home := serve(t, &backend{})
	path := filepath.Join(home, FileName)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
}
