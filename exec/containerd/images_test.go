//go:build linux

package containerd_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest"
	"infernet.tech/infernet/exec/exectest/script"
	"infernet.tech/infernet/exec/image"
)

func TestImages(t *testing.T) {
	needRoot(t)
	r := start(t, config(t))
	img := exectest.Layout(t)
	if err := r.Prepare(t.Context(), exec.Image{Digest: img.Digest}); !errors.Is(err, exec.ErrImage) {
		t.Errorf("an image from nowhere: %v", err)
	}
	// One flipped bit in the layer.
	blobs, _ := filepath.Glob(filepath.Join(img.Layout, "blobs", "sha256", "*"))
	for _, b := range blobs {
		if info, err := os.Stat(b); err == nil && info.Size() > 1<<20 {
			flip(t, b)
			if err := r.Prepare(t.Context(), img); !errors.Is(err, exec.ErrImage) {
				t.Errorf("a damaged image: %v", err)
			}
			flip(t, b)
		}
	}
	if have, err := r.Prepared(); err != nil || len(have) != 0 {
		t.Errorf("%q, %v", have, err)
	}
	h, err := r.Start(t.Context(), exec.Task{ID: "user", Image: img, Env: []string{script.Sleep + "=1h"}}, exec.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	if have, err := r.Prepared(); err != nil || !slices.Equal(have, []string{img.Digest}) {
		t.Errorf("%q, %v", have, err)
	}
	if err := r.Remove(img.Digest); err == nil {
		t.Error("removed an image in use")
	}
	if err := h.Destroy(t.Context()); err != nil {
		t.Error(err)
	}
	if err := r.Remove(img.Digest); err != nil {
		t.Error(err)
	}
	if err := r.Prepare(t.Context(), img); err != nil {
		t.Errorf("after the removal: %v", err)
	}
}

// flip changes a byte in the middle of a file, and changes it back.
func flip(t *testing.T, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err == nil {
		raw[len(raw)/2] ^= 1
		err = os.WriteFile(path, raw, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestModel: /model is a file, a folder, or not there at all.
func TestModel(t *testing.T) {
	needRoot(t)
	r := start(t, config(t))
	img := exectest.Layout(t)
	file := filepath.Join(t.TempDir(), "model")
	if err := os.WriteFile(file, []byte("weights"), 0o400); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ model, says string }{
		{"", "no such file"}, {file, "weights"}, {filepath.Dir(file), "is a directory"},
	} {
		var out bytes.Buffer
		h, err := r.Start(t.Context(), exec.Task{ID: "model", Image: img, Model: c.model, Env: []string{script.Model + "=1"}},
			exec.Streams{Stdout: &out, Stderr: &out})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Wait(t.Context()); err != nil || !strings.Contains(out.String(), c.says) {
			t.Errorf("model %q: %q, %v", c.model, &out, err)
		}
		if err := h.Destroy(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Start(t.Context(), exec.Task{ID: "model", Image: img, Model: file + "x"}, exec.Streams{}); !errors.Is(err, exec.ErrInvalidTask) {
		t.Errorf("%v", err)
	}
}

// TestIndexDigest: an image of several platforms runs by its index's digest.
func TestIndexDigest(t *testing.T) {
	needRoot(t)
	r := start(t, config(t))
	single := exectest.Layout(t)
	other := "arm64"
	if runtime.GOARCH == other {
		other = "amd64"
	}
	img := exectest.Index(t, single, map[string]string{runtime.GOARCH: single.Digest, other: "sha256:" + strings.Repeat("0", 64)})
	if img.Digest == single.Digest {
		t.Fatal("the index is the manifest")
	}
	var out bytes.Buffer
	h, err := r.Start(t.Context(), exec.Task{ID: "index", Image: img, Env: []string{script.Model + "=1"}}, exec.Streams{Stdout: &out, Stderr: &out})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Wait(t.Context()); err != nil || !strings.Contains(out.String(), "no such file") {
		t.Errorf("%q, %v", &out, err)
	}
	if err := h.Destroy(t.Context()); err != nil {
		t.Error(err)
	}
	if have, err := r.Prepared(); err != nil || !slices.Equal(have, []string{img.Digest}) {
		t.Errorf("%q, %v", have, err)
	}
	absent := exectest.Index(t, single, map[string]string{other: single.Digest})
	if err := r.Prepare(t.Context(), absent); !errors.Is(err, exec.ErrImage) || !errors.Is(err, image.ErrPlatform) {
		t.Errorf("an image for another machine: %v", err)
	}
}
