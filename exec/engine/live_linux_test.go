package engine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/containerd"
	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/engine/enginetest"
	"infernet.tech/infernet/exec/exectest"
	"infernet.tech/infernet/exec/image"
)

// runner is a real one, with what is left of it found out at the end.
func runner(t *testing.T) *containerd.Runner {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("containers need root; run the tests as root to have this one")
	}
	bin, err := filepath.Abs("../../bin/runtime")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(bin, "containerd")); err != nil {
		t.Skip("the container runtime is not built; run make build to have this one")
	}
	cfg := containerd.Default(filepath.Join(t.TempDir(), "root"))
	cfg.BinDir = bin
	r, err := containerd.New(cfg, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() { failed <- r.Run(context.Background()) }()
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		mounts, _ := os.ReadFile("/proc/self/mountinfo")
		if bytes.Contains(mounts, []byte(cfg.Root)) {
			t.Error("mounts are left")
		}
	})
	select {
	case <-r.Ready():
	case err := <-failed:
		t.Fatalf("run: %v", err)
	case <-time.After(3 * time.Minute):
		t.Fatal("not ready")
	}
	return r
}

// echoImage is the engine without a model, with the labels that say so.
func echoImage(t *testing.T) exec.Image {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	digest, err := image.WriteLayout(dir, image.Spec{
		Files:      map[string]image.File{"echo": {Mode: 0o755, Path: exectest.Build(t, "infernet.tech/infernet/exec/engine/echo")}},
		Entrypoint: []string{"/echo"},
		Labels:     map[string]string{engine.LabelEngine: "1", engine.LabelServe: "unix"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return exec.Image{Digest: digest, Layout: dir}
}

// checkTime bounds one check: a machine may be slow.
const checkTime = 5 * time.Minute

// through makes each request hold a slot of the pool.
type through struct {
	p    *engine.Pool
	spec engine.Spec
}

func (tr through) RoundTrip(r *http.Request) (*http.Response, error) {
	slot, err := tr.p.Acquire(r.Context(), tr.spec, "test")
	if err != nil {
		return nil, err
	}
	resp, err := slot.RoundTrip(r)
	if err != nil {
		slot.Release()
		return nil, err
	}
	resp.Body = releasing{resp.Body, slot}
	return resp, nil
}

type releasing struct {
	io.ReadCloser
	slot *engine.Slot
}

func (b releasing) Close() error {
	defer b.slot.Release()
	return b.ReadCloser.Close()
}

// TestLivePool has real containers: the contract through the sandbox, crashes,
// an engine that never comes up, one on a port, and an end that leaves nothing.
func TestLivePool(t *testing.T) {
	r := runner(t)
	img := echoImage(t)
	cfg := engine.Default()
	cfg.Memory, cfg.HealthTimeout, cfg.Grace = 1<<30, time.Minute, 2*time.Second
	p, err := engine.NewPool(cfg, r, nil, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	spec := func(key string, env ...string) engine.Spec {
		return engine.Spec{
			Key: key, Image: img, Name: key, Parallel: 8, Env: env,
			Limits: exec.Limits{MemoryBytes: 128 << 20, CPUMillis: 2000, PIDs: 64},
		}
	}
	begun := time.Now()
	if err := p.Warm(t.Context(), spec("main")); err != nil {
		t.Fatal(err)
	}
	t.Logf("warm after %v", time.Since(begun))
	t.Run("Contract", func(t *testing.T) {
		client := &http.Client{Transport: through{p, spec("main")}}
		for _, f := range enginetest.Check(t.Context(), client, "http://engine", enginetest.Options{Model: "main", Parallel: 8, Timeout: checkTime, Slack: 20 * time.Second}) {
			if !f.OK {
				t.Errorf("%s (%s): %s", f.Name, f.Level, f.Detail)
			}
		}
	})
	t.Run("Crash", func(t *testing.T) { liveCrash(t, p, spec("main")) })
	t.Run("NeverUp", func(t *testing.T) {
		s := spec("never", "INFERNET_CONTEXT=none")
		_, err := p.Acquire(t.Context(), s, "t")
		if !errors.Is(err, engine.ErrStart) || !strings.Contains(err.Error(), "INFERNET_CONTEXT") {
			t.Errorf("the engine's last words are missing: %v", err)
		}
	})
	t.Run("DefaultEngine", func(t *testing.T) { liveDefault(t, p) })
	t.Run("Ollama", func(t *testing.T) { liveOllama(t, p) })
	t.Run("OnPort", func(t *testing.T) { livePort(t, p, spec("port")) })
}

func liveCrash(t *testing.T, p *engine.Pool, s engine.Spec) {
	client := &http.Client{Transport: through{p, s}}
	ask := func(text string) error {
		resp, err := client.Post("http://engine/v1/chat/completions", "application/json",
			strings.NewReader(`{"model":"`+s.Name+`","stream":true,"messages":[{"role":"user","content":`+strconv.Quote(text)+`}]}`))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.ReadAll(resp.Body)
		return err
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := ask("@hang=2 one two three"); !errors.Is(err, engine.ErrCrashed) {
				t.Errorf("beside the crash: %v", err)
			}
		})
	}
	for p.Status()[0].Active < 4 {
		<-time.After(10 * time.Millisecond)
	}
	err := ask("@crash=2 one two three")
	if !errors.Is(err, engine.ErrCrashed) {
		t.Errorf("%v", err)
	}
	wg.Wait()
	begun := time.Now()
	if err := ask("again"); err != nil {
		t.Error(err)
	}
	t.Logf("up again after %v", time.Since(begun))
	if last := p.Status()[0].LastError; !strings.Contains(last, "crashes on request") || !strings.Contains(last, "exit code 3") {
		t.Errorf("its last words are missing: %s", last)
	}
}

// livePort has an engine that knows no socket.
func livePort(t *testing.T, p *engine.Pool, s engine.Spec) {
	dir := filepath.Join(t.TempDir(), "layout")
	digest, err := image.WriteLayout(dir, image.Spec{
		Files:      map[string]image.File{"echo": {Mode: 0o755, Path: exectest.Build(t, "infernet.tech/infernet/exec/engine/echo")}},
		Entrypoint: []string{"/echo"},
		Labels:     map[string]string{engine.LabelEngine: "1", engine.LabelServe: "tcp:8000"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Image = exec.Image{Digest: digest, Layout: dir}
	s.Env = []string{"INFERNET_SOCKET=", "ECHO_LISTEN=127.0.0.1:8000"}
	client := &http.Client{Transport: through{p, s}}
	resp, err := client.Get("http://engine/v1/models")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !bytes.Contains(body, []byte(`"port"`)) {
		t.Errorf("%q, %v", body, err)
	}
	if i := slices.IndexFunc(p.Status(), func(s engine.Status) bool { return s.Key == "port" }); i < 0 || p.Status()[i].State != engine.Ready {
		t.Errorf("%+v", p.Status())
	}
}

// liveDefault has the default engine in its own image, by its labels.
func liveDefault(t *testing.T, p *engine.Pool) {
	bin := os.Getenv(engine.BinaryEnv)
	if bin == "" {
		bin = "../../bin/engine/infernet-llm"
	}
	if _, err := os.Stat(bin); err != nil {
		t.Skipf("the default engine is not built (%v); run make engine to have this test", err)
	}
	t.Setenv(engine.BinaryEnv, bin)
	img, err := engine.BuildImage(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	model := filepath.Join(t.TempDir(), "demo.gguf")
	if err := os.WriteFile(model, engine.DemoModel(), 0o600); err != nil {
		t.Fatal(err)
	}
	s := engine.Spec{
		Key: "demo", Name: "demo", Image: img, Model: model, Parallel: 4,
		Limits: exec.Limits{MemoryBytes: 256 << 20, CPUMillis: 1000},
	}
	client := &http.Client{Transport: through{p, s}}
	for _, f := range enginetest.Check(t.Context(), client, "http://engine", enginetest.Options{Model: "demo", Parallel: 4, Timeout: checkTime, Slack: 20 * time.Second}) {
		if !f.OK {
			t.Errorf("%s (%s): %s", f.Name, f.Level, f.Detail)
		}
	}
}

// ollamaEnv names a static build of Ollama, for a test that takes ten minutes
// to build and is therefore seldom run.
const ollamaEnv = "INFERNET_TEST_OLLAMA"

// liveOllama has the real Ollama in an image as node/docs/engines.md makes it.
func liveOllama(t *testing.T, p *engine.Pool) {
	bin := os.Getenv(ollamaEnv)
	if bin == "" {
		t.Skip(ollamaEnv + " does not name a static build of ollama")
	}
	dir := filepath.Join(t.TempDir(), "layout")
	digest, err := image.WriteLayout(dir, image.Spec{
		Files: map[string]image.File{"bin/ollama": {Mode: 0o755, Path: bin}}, Entrypoint: []string{"/bin/ollama"},
	})
	if err != nil {
		t.Fatal(err)
	}
	model := filepath.Join(t.TempDir(), "demo.gguf")
	if err := os.WriteFile(model, engine.DemoModel(), 0o600); err != nil {
		t.Fatal(err)
	}
	s := engine.Spec{
		Key: "ollama", Name: "demo", Image: exec.Image{Digest: digest, Layout: dir}, Adapter: "ollama", Model: model, Parallel: 2, Context: 512,
		Limits: exec.Limits{MemoryBytes: 512 << 20, CPUMillis: 2000},
	}
	client := &http.Client{Transport: through{p, s}}
	for _, f := range enginetest.Check(t.Context(), client, "http://engine", enginetest.Options{Model: "demo", Context: 512, Parallel: 2, Health: "/api/version", Slack: 20 * time.Second}) {
		if !f.OK {
			t.Logf("%s (%s): %s", f.Name, f.Level, f.Detail)
		}
		if f.Name == "chat" && !f.OK {
			t.Error("no answers")
		}
	}
}
