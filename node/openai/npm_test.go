package openai_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// npmClient installs the official npm client into the user's cache, once for
// each lockfile, and returns its folder. Without node.js, or without a way to
// the packages, the test is skipped with the reason.
func npmClient(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("installs an npm package")
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not on this machine", program)
		}
	}
	lock, err := os.ReadFile("testdata/npm/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("no cache folder: %v", err)
	}
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, "infernet-test", "npm-openai-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(filepath.Join(dir, "done")); err != nil {
		// Two runs at once must not share a half-made folder.
		if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
			t.Skipf("no cache folder: %v", err)
		}
		work, err := os.MkdirTemp(filepath.Dir(dir), "work-")
		if err != nil {
			t.Skipf("no cache folder: %v", err)
		}
		defer func() { _ = os.RemoveAll(work) }()
		for _, name := range []string{"package.json", "package-lock.json"} {
			raw, err := os.ReadFile(filepath.Join("testdata/npm", name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(work, name), raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		cmd.Dir = work
		if raw, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("npm ci does not work here: %v\n%s", err, tail(raw))
		}
		if err := os.WriteFile(filepath.Join(work, "done"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(work, dir); err != nil {
			if _, there := os.Stat(filepath.Join(dir, "done")); there != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func tail(raw []byte) string {
	if len(raw) > 1000 {
		raw = raw[len(raw)-1000:]
	}
	return string(raw)
}

func TestNPMClient(t *testing.T) {
	t.Parallel()
	dir := npmClient(t)
	s := serve(t, nil)
	script, err := os.ReadFile("testdata/npm/client.mjs")
	if err != nil {
		t.Fatal(err)
	}
	// A module finds packages beside itself.
	f, err := os.CreateTemp(dir, "client-*.mjs")
	if err != nil {
		t.Fatal(err)
	}
	path := f.Name()
	defer func() { _ = os.Remove(path) }()
	_, err = f.Write(script)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", path)
	cmd.Env = append(os.Environ(), "OPENAI_BASE_URL="+s.url+"/v1", "OPENAI_API_KEY="+s.token, "NO_PROXY=127.0.0.1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, strings.ReplaceAll(tail(stderr.Bytes()), s.token, "TOKEN"))
	}
	got := map[string]string{}
	for sc := bufio.NewScanner(&stdout); sc.Scan(); {
		var l struct {
			Name  string
			Value json.RawMessage
		}
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			t.Fatalf("%s: %v", strings.ReplaceAll(sc.Text(), s.token, "TOKEN"), err)
		}
		got[l.Name] = string(l.Value)
	}
	for name, want := range map[string]string{
		"chat":        `{"text":"one two ","finish":"length","usage":5,"logprobs":2,"verified":"claimed"}`,
		"stream":      `{"text":"a b ","usage":3}`,
		"helper":      `"by the helper"`,
		"schema":      `{"schema":"person"}`,
		"completion":  `"a b"`,
		"embeddings":  `[[4,2,1],[1,1,1]]`,
		"models":      `["echo","endless","org/echo"]`,
		"model":       `"org/echo"`,
		"no model":    `{"kind":"NotFoundError","status":404,"code":"model_not_found"}`,
		"busy":        `{"kind":"RateLimitError","status":429,"code":"rate_limit_exceeded"}`,
		"wrong key":   `{"kind":"AuthenticationError","status":401,"code":"invalid_api_key"}`,
		"bad request": `{"kind":"BadRequestError","status":400,"code":null}`,
		"cut":         `{"kind":"APIError","code":"upstream_error"}`,
		"cancelled":   `true`,
		"fifty":       `true`,
		"batch":       `{"status":"completed","counts":{"total":3,"completed":3,"failed":0},"ids":["q1","q2","q3"]}`,
		"deleted":     `true`,
	} {
		if got[name] != want {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
	if !s.engine.Gone(t.Context(), 1) {
		t.Error("the engine goes on after the client left")
	}
}
