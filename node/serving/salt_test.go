package serving_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"infernet.tech/infernet/node/serving/servingtest"
)

// listening keeps what an engine is asked.
type listening struct {
	servingtest.Engine
	mu     sync.Mutex
	bodies [][]byte
}

func (l *listening) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err == nil && len(raw) > 0 {
		l.mu.Lock()
		l.bodies = append(l.bodies, raw)
		l.mu.Unlock()
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	l.Engine.ServeHTTP(w, r)
}

// last is the salt of the last request.
func (l *listening) last(t *testing.T) string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	raw := l.bodies[len(l.bodies)-1]
	var x struct {
		Salt string `json:"cache_salt"`
	}
	if err := json.Unmarshal(raw, &x); err != nil || strings.Count(string(raw), `"cache_salt"`) != 1 {
		t.Fatalf("%s, %v", raw, err)
	}
	return x.Salt
}

// TestCacheSalt keeps the caches of two clients apart, whatever they send, and
// those of one client's leases together.
func TestCacheSalt(t *testing.T) {
	t.Parallel()
	e := &listening{}
	pool, m := openEngines(t, e, 4, 4)
	r := newRig(t, pool)
	r.model.Spec = m.Spec
	r.start(r.disk)
	one, two := r.client(), r.client()
	salt := func(c *client, more string) string {
		t.Helper()
		mustLease(t, c, 1000, 500)
		if resp, text := c.ask(chat("hello", more)); resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", resp.StatusCode, text)
		}
		return e.last(t)
	}
	ones := salt(one, "")
	if len(ones) < 32 || strings.Contains(ones, one.key.PubKey().Hex()) {
		t.Errorf("salt %q", ones)
	}
	if got := salt(one, `,"stream":true`); got != ones {
		t.Error("another lease of the same client loses the cache")
	}
	if got := salt(two, `,"cache_salt":"`+ones+`"`); got == ones {
		t.Error("a client finds another's cache by sending its salt")
	}
	if got := salt(one, `,"cache_salt":""`); got != ones {
		t.Error("a client has its prompts cached without a salt")
	}
	mustLease(t, two, 1000, 500)
	if resp, _ := two.ask(chat("hello", `,"cache_salt":"x","cache_salt":"`+ones+`"`)); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("two salts: %d", resp.StatusCode)
	}
}
