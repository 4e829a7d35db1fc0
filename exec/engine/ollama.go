package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
)

// loadsOllama names the step for Adapter.loads.
const loadsOllama = "ollama"

// loader is the step that puts the model into the running engine, nil where
// the engine finds it by itself.
func (a Adapter) loader(s Spec) func(context.Context, *http.Client) error {
	if a.loads != loadsOllama || s.Model == "" {
		return nil
	}
	return func(ctx context.Context, c *http.Client) error { return loadOllama(ctx, c, s.Model, s.Name) }
}

// loadOllama gives Ollama a GGUF file under a name and has it loaded. Ollama
// reads models only from its own store, under the file's digest, so the file
// is sent to it through its API: that costs its size once more, in memory.
func loadOllama(ctx context.Context, c *http.Client, path, name string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("%w: ollama takes one GGUF file, not %s", ErrSpec, filepath.Base(path))
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, reader{ctx, f}); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	digest := "sha256:" + hex.EncodeToString(hash.Sum(nil))
	if err := ask(ctx, c, "/api/blobs/"+digest, io.NopCloser(f)); err != nil {
		return err
	}
	for _, step := range []struct {
		path string
		body any
	}{
		{"/api/create", map[string]any{"model": name, "files": map[string]string{"model.gguf": digest}, "stream": false}},
		// Without a prompt it only loads.
		{"/api/generate", map[string]any{"model": name, "keep_alive": -1, "stream": false}},
	} {
		raw, err := json.Marshal(step.body)
		if err != nil {
			return err
		}
		if err := ask(ctx, c, step.path, bytes.NewReader(raw)); err != nil {
			return err
		}
	}
	return nil
}

// ask posts a body and wants a 2xx.
func ask(ctx context.Context, c *http.Client, path string, body io.Reader) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, localURL+path, body)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("POST %.24s: %d %.300q", path, resp.StatusCode, said)
	}
	return nil
}

// reader ends with its context: hashing a large file takes minutes.
type reader struct {
	ctx interface{ Err() error }
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// modelSize is the size of a model file in bytes, 0 when it is none.
func modelSize(path string) uint64 {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return uint64(info.Size())
}
