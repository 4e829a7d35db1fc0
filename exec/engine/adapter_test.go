package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/image"
)

// taskOf is the task of a spec with an adapter.
func taskOf(t *testing.T, name string, s Spec, gpus ...string) exec.Task {
	t.Helper()
	s.Adapter = name
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	s = s.withDefaults()
	a, err := recipe(s)
	if err != nil {
		t.Fatal(err)
	}
	task := a.task(s, gpus, 7)
	if err := task.Validate(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return task
}

func TestAdapters(t *testing.T) {
	t.Parallel()
	s := testSpec("k")
	s.Name, s.Model, s.Parallel, s.Context = "qwen", "/models/qwen.gguf", 4, 2048
	s.Limits.CPUMillis = 3500
	s.Args, s.Env = []string{"--more"}, []string{"MORE=1"}
	for name, want := range map[string]string{
		"infernet":  "--serve unix:/run/engine/http.sock --more",
		"llama.cpp": "--model /model --alias qwen --host /run/engine/http.sock --parallel 4 --threads 3 --ctx-size 8192 --n-gpu-layers 999 --jinja --no-webui --no-slots --more",
		"vllm":      "/model --served-model-name qwen --uds /run/engine/http.sock --max-num-seqs 4 --max-model-len 2048 --tensor-parallel-size 2 --more",
		"sglang":    "--model-path /model --served-model-name qwen --host 127.0.0.1 --port 30000 --max-running-requests 4 --context-length 2048 --tp-size 2 --more",
		"ollama":    "serve --more",
	} {
		task := taskOf(t, name, s, "GPU-aaaa", "GPU-bbbb")
		if got := strings.Join(task.Args, " "); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
		for _, v := range []string{"INFERNET_MODEL=/model", "INFERNET_MODEL_NAME=qwen", "INFERNET_PARALLEL=4", "INFERNET_THREADS=3", "INFERNET_CONTEXT=2048", "INFERNET_SOCKET=/run/engine/http.sock", "MORE=1"} {
			if !slices.Contains(task.Env, v) {
				t.Errorf("%s: no %s in %q", name, v, task.Env)
			}
		}
		if len(task.GPUs) != 2 || task.Limits.WallClock != exec.MaxWallClock {
			t.Errorf("%s: %+v", name, task)
		}
	}
	s.Context = 0
	task := taskOf(t, "llama.cpp", s)
	if got := strings.Join(task.Args, " "); strings.ContainsAny(got, "{}") || strings.Contains(got, "ctx-size") || strings.Contains(got, "n-gpu-layers") {
		t.Errorf("what has no value is not left out: %s", got)
	}
	for _, name := range Adapters() {
		if a, ok := AdapterOf(name); !ok || a.Name != name || a.About == "" {
			t.Errorf("%s: %+v", name, a)
		}
		task := taskOf(t, name, s)
		for _, text := range append(task.Args, task.Env...) {
			if strings.ContainsAny(text, "{}") {
				t.Errorf("%s: %q", name, text)
			}
		}
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "layout")
	digest, err := image.WriteLayout(dir, image.Spec{
		Entrypoint: []string{"/e"},
		Labels:     map[string]string{LabelEngine: "1", LabelServe: "tcp:8000", LabelArgs: `["--a","b c"]`, LabelCan: "replay, tools,"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := testSpec("k")
	s.Image = exec.Image{Digest: digest, Layout: dir}
	task := taskOf(t, "", s)
	if task.Serve != "tcp:8000" || !slices.Equal(task.Args, []string{"--a", "b c"}) {
		t.Errorf("%+v", task)
	}
	s.Adapter = ""
	if can, err := CapabilitiesOf(s); err != nil || !slices.Equal(can, []string{CapReplay, CapTools}) {
		t.Errorf("capabilities %q, %v", can, err)
	}
	for name, labels := range map[string]map[string]string{
		"none":       nil,
		"not one":    {LabelEngine: "0"},
		"low port":   {LabelEngine: "1", LabelServe: "tcp:80"},
		"a folder":   {LabelEngine: "1", LabelServe: "unix:/etc"},
		"args":       {LabelEngine: "1", LabelArgs: "--serve"},
		"other args": {LabelEngine: "1", LabelArgs: `{"a":1}`},
	} {
		if _, err := labelled(labels); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOllamaLoads holds the step against a server that keeps what Ollama's API
// documents: a blob by digest, a model from it, and a request that loads.
func TestOllamaLoads(t *testing.T) {
	t.Parallel()
	model := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(model, []byte("GGUF and more"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("GGUF and more"))
	digest := "sha256:" + hex.EncodeToString(sum[:])
	var steps []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var asked struct {
			Model string            `json:"model"`
			Files map[string]string `json:"files"`
		}
		_ = json.Unmarshal(body, &asked)
		steps = append(steps, r.Method+" "+r.URL.Path)
		switch {
		case r.URL.Path == "/api/blobs/"+digest && string(body) == "GGUF and more":
			w.WriteHeader(http.StatusCreated)
		case r.URL.Path == "/api/create" && asked.Model == "qwen" && asked.Files["model.gguf"] == digest:
		case r.URL.Path == "/api/generate" && asked.Model == "qwen":
		default:
			http.Error(w, `{"error":"no such thing"}`, http.StatusBadRequest)
		}
	}))
	defer srv.Close()
	// The step asks localhost, as through a slot.
	client := &http.Client{Transport: onto(srv.URL)}
	if err := loadOllama(t.Context(), client, model, "qwen"); err != nil || len(steps) != 3 {
		t.Errorf("%v after %q", err, steps)
	}
	if err := loadOllama(t.Context(), client, model, "other"); err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("%v", err)
	}
	if err := loadOllama(t.Context(), client, filepath.Dir(model), "qwen"); !errors.Is(err, ErrSpec) {
		t.Errorf("a folder: %v", err)
	}
	s := testSpec("k")
	s.Model = model
	plain, _ := AdapterOf("ollama")
	if got := taskOf(t, "ollama", s).Limits.ScratchBytes; got != plain.Scratch+13 {
		t.Errorf("scratch of %d bytes", got)
	}
}

// onto sends requests to a server instead of where they go.
type onto string

func (o onto) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Host = strings.TrimPrefix(string(o), "http://")
	return http.DefaultTransport.RoundTrip(r)
}
