package hub

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeHub is a server that redirects to another host for the bytes, as
// Hugging Face does, and can be made to fail.
type fakeHub struct {
	data   []byte
	sha    string // told; the right one by default
	size   string
	front  *httptest.Server
	bytes  *httptest.Server
	cut    int  // end the first transfers after so many bytes
	ranges bool // answer ranges

	mu     sync.Mutex
	asked  []string // Range headers the second host saw
	tokens []string // Authorization headers it saw
	cuts   int      // transfers still to be cut
}

func newHub(t *testing.T) *fakeHub {
	t.Helper()
	h := &fakeHub{data: []byte(strings.Repeat("weights of a model ", 40_000)), ranges: true}
	sum := sha256.Sum256(h.data)
	h.sha, h.size = hex.EncodeToString(sum[:]), fmt.Sprint(len(h.data))
	h.bytes = httptest.NewServer(http.HandlerFunc(h.serveBytes))
	h.front = httptest.NewServer(http.HandlerFunc(h.serveFront))
	t.Cleanup(h.bytes.Close)
	t.Cleanup(h.front.Close)
	return h
}

func (h *fakeHub) serveFront(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.Contains(r.URL.Path, "gated") && r.Header.Get("Authorization") != "Bearer secret":
		http.Error(w, "no", http.StatusUnauthorized)
	case r.URL.Path != "/org/repo/resolve/main/m.gguf" && r.URL.Path != "/org/gated/resolve/v1/m.gguf":
		http.NotFound(w, r)
	default:
		w.Header().Set("X-Linked-Size", h.size)
		w.Header().Set("X-Linked-Etag", `"`+h.sha+`"`)
		w.Header().Set("X-Repo-Commit", strings.Repeat("ab", 20))
		http.Redirect(w, r, h.bytes.URL+"/signed?key=x", http.StatusFound)
	}
}

func (h *fakeHub) serveBytes(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Length", fmt.Sprint(len(h.data)))
		return
	}
	h.mu.Lock()
	h.asked = append(h.asked, r.Header.Get("Range"))
	h.tokens = append(h.tokens, r.Header.Get("Authorization"))
	cut := h.cuts > 0
	h.cuts--
	h.mu.Unlock()
	from := 0
	if rg := r.Header.Get("Range"); rg != "" && h.ranges {
		_, _ = fmt.Sscanf(rg, "bytes=%d-", &from)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(h.data)-1, len(h.data)))
		w.Header().Set("Content-Length", fmt.Sprint(len(h.data)-from))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		w.Header().Set("Content-Length", fmt.Sprint(len(h.data)))
	}
	rest := h.data[from:]
	if cut {
		rest = rest[:min(h.cut, len(rest))] // the server closes: the length is not kept
	}
	_, _ = w.Write(rest)
}

func (h *fakeHub) client(t *testing.T, dir string, change func(*Config)) *Client {
	t.Helper()
	cfg := Default(dir)
	cfg.Endpoint, cfg.Wait, cfg.Attempts = h.front.URL, 0, 3
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ref(t *testing.T, s string) Ref {
	t.Helper()
	r, err := ParseRef(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestParseRef(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"hf:org/repo/m.gguf":              "hf:org/repo/m.gguf@main",
		"hf:org/repo/sub/dir/m.gguf@v1.0": "hf:org/repo/sub/dir/m.gguf@v1.0",
		"hf:org/repo/m.gguf@refs/pr/1":    "hf:org/repo/m.gguf@refs/pr/1",
		"hf:o/r/name with space.gguf":     "hf:o/r/name with space.gguf@main",
		"hf:org/repo":                     "", "hf:": "", "org/repo/x": "", "hf:org/repo/": "", "hf:org/repo/../x": "", "hf:org/repo/a/../../x": "",
		"hf:../repo/x": "", "hf:org/repo//x": "", "hf:org/repo/x@": "", "hf:org/repo/x@../y": "", "hf:org/repo/x@-y": "", "hf:org/re po/x": "",
		"hf:org/repo/x?y": "", "hf:org/repo/x#y": "", "hf:org/repo/x\x00": "", "hf:org/repo/..": "", `hf:org/repo/a\b`: "", "hf:o/r/" + strings.Repeat("x", 2000): "",
	} {
		r, err := ParseRef(s)
		if (want == "") != errors.Is(err, ErrRef) || want != "" && r.String() != want {
			t.Errorf("%.60q: %v, %v", s, r, err)
		}
	}
	if got := ref(t, "hf:o/r/a b/c%.gguf@refs/pr/1").path(); got != "/o/r/resolve/refs%2Fpr%2F1/a%20b/c%25.gguf" {
		t.Errorf("path %s", got)
	}
}

func TestDownload(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	c := h.client(t, t.TempDir(), func(c *Config) { c.Token = "secret" })
	var last Progress
	f, err := c.Download(t.Context(), ref(t, "hf:org/repo/m.gguf"), func(p Progress) { last = p })
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(f.Path)
	if err != nil || string(got) != string(h.data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if f.SHA256 != h.sha || f.Size != uint64(len(h.data)) || f.Commit != strings.Repeat("ab", 20) || last.Bytes != f.Size || last.Total != f.Size {
		t.Errorf("%+v after %+v", f, last)
	}
	if h.tokens[0] != "" {
		t.Error("the token went to another host")
	}
	// The second time nothing is transferred.
	again, err := c.Download(t.Context(), ref(t, "hf:org/repo/m.gguf"), nil)
	if err != nil || again.Path != f.Path || len(h.asked) != 1 {
		t.Errorf("again: %+v, %v, %d transfers", again, err, len(h.asked))
	}
}

// A cut transfer goes on where it ended: within a call and in the next one.
func TestResume(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	dir := t.TempDir()
	h.cut, h.cuts = 100_000, 3
	_, err := h.client(t, dir, nil).Download(t.Context(), ref(t, "hf:org/repo/m.gguf"), nil)
	if !errors.Is(err, ErrIncomplete) {
		t.Fatalf("cut three times: %v", err)
	}
	f, err := h.client(t, dir, nil).Download(t.Context(), ref(t, "hf:org/repo/m.gguf"), nil)
	if err != nil || f.Size != uint64(len(h.data)) {
		t.Fatalf("%+v, %v", f, err)
	}
	want := []string{"", "bytes=100000-", "bytes=200000-", "bytes=300000-"}
	if fmt.Sprint(h.asked) != fmt.Sprint(want) {
		t.Errorf("asked for %q, want %q", h.asked, want)
	}
	// A server without ranges gives all again.
	h.cuts, h.ranges = 1, false
	if f, err = h.client(t, t.TempDir(), nil).Download(t.Context(), ref(t, "hf:org/repo/m.gguf"), nil); err != nil || f.SHA256 != h.sha {
		t.Errorf("without ranges: %+v, %v", f, err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ref    string
		server func(*fakeHub)
		client func(*Config)
		want   error
	}{
		"missing":          {ref: "hf:org/none/m.gguf", want: ErrNotFound},
		"gated":            {ref: "hf:org/gated/m.gguf@v1", want: ErrDenied},
		"wrong token":      {ref: "hf:org/gated/m.gguf@v1", client: func(c *Config) { c.Token = "bad" }, want: ErrDenied},
		"wrong hash":       {ref: "hf:org/repo/m.gguf", server: func(h *fakeHub) { h.sha = strings.Repeat("0", 64) }, want: ErrHash},
		"too big":          {ref: "hf:org/repo/m.gguf", client: func(c *Config) { c.MaxBytes = 1000 }, want: ErrTooBig},
		"larger than told": {ref: "hf:org/repo/m.gguf", server: func(h *fakeHub) { h.size = "1000" }, want: ErrServer},
		"to nowhere":       {ref: "hf:org/repo/m.gguf", server: func(h *fakeHub) { h.bytes.URL = "ftp://x" }, want: ErrRedirect},
		"to itself":        {ref: "hf:org/repo/m.gguf", server: func(h *fakeHub) { h.bytes.URL = h.front.URL + "/org/repo/resolve/main/m.gguf?" }, want: ErrRedirect},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t)
			closed := h.bytes.URL
			if tc.server != nil {
				tc.server(h)
			}
			t.Cleanup(func() { h.bytes.URL = closed })
			dir := t.TempDir()
			_, err := h.client(t, dir, tc.client).Download(t.Context(), ref(t, tc.ref), nil)
			if !errors.Is(err, tc.want) || strings.Contains(fmt.Sprint(err), "secret") {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() && !strings.HasSuffix(path, ".part") {
					t.Errorf("%s is left behind", path)
				}
				return err
			})
		})
	}
}

func TestGatedWithToken(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	c := h.client(t, t.TempDir(), func(c *Config) { c.Token = "secret" })
	if f, err := c.Download(t.Context(), ref(t, "hf:org/gated/m.gguf@v1"), nil); err != nil || f.SHA256 != h.sha {
		t.Errorf("%+v, %v", f, err)
	}
}

// stalling answers over pipes, which have the time of their bubble, and sends
// half of every file until the test ends.
func stalling(t *testing.T) http.RoundTripper {
	t.Helper()
	end := make(chan struct{})
	var served sync.WaitGroup
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		mine, theirs := net.Pipe()
		served.Go(func() {
			defer theirs.Close()
			r, err := http.ReadRequest(bufio.NewReader(theirs))
			if err != nil {
				return
			}
			_, _ = io.WriteString(theirs, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
			if r.Method == http.MethodGet {
				_, _ = io.WriteString(theirs, "half")
				<-end
			}
		})
		return mine, nil
	}}
	t.Cleanup(func() {
		close(end)
		served.Wait()
	})
	return tr
}

// A server that sends nothing is given up; so is one whose caller went away.
func TestStall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		cfg := Default(dir)
		cfg.Endpoint, cfg.Attempts, cfg.HTTP = "http://hub.example", 1, stalling(t)
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if _, err := c.Download(t.Context(), ref(t, "hf:o/r/f"), nil); !errors.Is(err, ErrIncomplete) || time.Since(begun) != cfg.Idle {
			t.Errorf("stalled for %v: %v", time.Since(begun), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		_, err = c.Download(ctx, ref(t, "hf:o/r/f"), func(Progress) { cancel() })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestConfig(t *testing.T) {
	t.Parallel()
	c := FromEnv("/d", func(k string) string {
		return map[string]string{"HF_TOKEN": "t", "HF_ENDPOINT": "https://mirror.example"}[k]
	})
	if c.Token != "t" || c.Endpoint != "https://mirror.example" || c.Validate() != nil {
		t.Errorf("%+v", c.Endpoint)
	}
	for _, bad := range []string{"", "huggingface.co", "ftp://x", "https://user:pw@x"} {
		c.Endpoint = bad
		if c.Validate() == nil {
			t.Errorf("%q is taken for an endpoint", bad)
		}
	}
	// https never ends in plain http.
	c.Endpoint = DefaultEndpoint
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.redirect(client.endpoint, "http://127.0.0.1/x"); !errors.Is(err, ErrRedirect) {
		t.Errorf("down to http: %v", err)
	}
}
