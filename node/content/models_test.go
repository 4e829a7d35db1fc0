package content

import (
	"bytes"
	"context"
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
	"testing"
	"time"

	"infernet.tech/infernet/exec/engine/gguf"
	"infernet.tech/infernet/exec/engine/gguf/gguftest"
	"infernet.tech/infernet/node/hub"
	"infernet.tech/infernet/store/blob"
)

// modelFile is a model with a vocabulary, and weights of n bytes.
func modelFile(n int) []byte {
	kvs := append(gguftest.Vocab(gguf.Vocab{
		Model: "gpt2", Pre: "gpt-2", Name: "tiny", Tokens: []string{"a", "b", "ab"}, Merges: []string{"a b"}, BOS: 0, EOS: 1, EOT: -1, Unknown: -1,
	}), gguftest.KV{Key: "llama.context_length", Value: uint32(512)})
	return gguftest.File(kvs, []gguftest.Tensor{{Name: "w", Dims: []uint64{uint64(n) / 4}}}, n)
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAddModel(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	e, err := l.AddModel(t.Context(), write(t, "m.gguf", modelFile(64)), "tiny")
	if err != nil {
		t.Fatal(err)
	}
	h, err := l.Describe(t.Context(), e.CID)
	if err != nil || h.Architecture != "llama" || h.ContextLength != 512 || h.Parameters != 16 || h.Quantisation != "F32" {
		t.Errorf("%+v, %v", h, err)
	}
	for name, tc := range map[string]struct {
		data []byte
		want error
	}{
		"text":   {[]byte("weights, says the name"), ErrNotModel},
		"pickle": {[]byte("\x80\x02}q\x00."), gguf.ErrPickle},
		"cut":    {modelFile(64)[:200], gguf.ErrTruncated},
		"short":  {modelFile(4096)[:4096], gguf.ErrTruncated},
	} {
		if _, err := l.AddModel(t.Context(), write(t, "m.gguf", tc.data), ""); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A job's own image may read what it likes, but no pickle.
	if _, err := l.ResolveModel(t.Context(), write(t, "m.bin", []byte("\x80\x04}.")), ""); !errors.Is(err, gguf.ErrPickle) {
		t.Errorf("a pickle for a job: %v", err)
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	e, err := l.AddModel(t.Context(), write(t, "m.gguf", modelFile(64)), "tiny")
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"tiny", e.CID} {
		if a, err := l.Alias(Model, "small", ref); err != nil || a.CID != e.CID {
			t.Errorf("%s: %+v, %v", ref, a, err)
		}
	}
	if _, err := l.Alias(Model, "x", "nothing"); !errors.Is(err, ErrNoName) {
		t.Errorf("of nothing: %v", err)
	}
	if all, err := l.Names(Model); err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
	// The model stays as long as a name stands for it.
	for i, name := range []string{"tiny", "small"} {
		if got, err := l.Unname(Model, name); err != nil || got.CID != e.CID {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if _, err := l.GC(t.Context(), false, nil); err != nil {
			t.Fatal(err)
		}
		if want := i == 0; l.Has(e.CID) != want {
			t.Errorf("after %d names went it is here: %v", i+1, !want)
		}
	}
	if _, err := l.Unname(Model, "small"); !errors.Is(err, ErrNoName) {
		t.Errorf("twice: %v", err)
	}
	if again, err := l.AddModel(t.Context(), write(t, "m.gguf", modelFile(64)), "tiny"); err != nil || again.CID != e.CID {
		t.Errorf("again: %v", err)
	}
}

// Of a model elsewhere only the beginning comes.
func TestHeaderOfAModelElsewhere(t *testing.T) {
	t.Parallel()
	there, here := newLibrary(t), newLibrary(t)
	e, err := there.AddModel(t.Context(), write(t, "m.gguf", modelFile(8<<20)), "tiny")
	if err != nil {
		t.Fatal(err)
	}
	src := blob.Source{Name: "peer", Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
		a, b := net.Pipe()
		go func() {
			_ = there.blobs.ServeStream(context.WithoutCancel(ctx), b, nil)
			_ = b.Close()
		}()
		return a, nil
	}}
	r, err := here.blobs.OpenRemote(t.Context(), e.CID, src)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h, v, err := gguf.ReadVocab(r, limits())
	if err != nil || h.ContextLength != 512 || len(v.Tokens) != 3 || here.Has(e.CID) {
		t.Errorf("%+v, %d tokens, %v", h, len(v.Tokens), err)
	}
	// Here it is read from the file, and nobody is asked.
	if h, v, err := there.Vocab(t.Context(), e.CID); err != nil || h.Size != e.Size || len(v.Tokens) != 3 {
		t.Errorf("%+v, %v", h, err)
	}
	if _, err := here.Header(t.Context(), e.CID); !errors.Is(err, blob.ErrNoSource) {
		t.Errorf("from nobody: %v", err)
	}
}

func TestDownload(t *testing.T) {
	data := modelFile(1 << 20)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/m.gguf"):
			w.Header().Set("Etag", `"v1"`)
			http.ServeContent(w, r, "", time.Unix(1, 0), bytes.NewReader(data))
		case strings.HasSuffix(r.URL.Path, "/m.bin"):
			_, _ = fmt.Fprint(w, "\x80\x04}.")
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	t.Setenv("HF_ENDPOINT", s.URL)
	l := newLibrary(t)
	get := func(ref, name string) (Entry, error) {
		r, err := hub.ParseRef(ref)
		if err != nil {
			t.Fatal(err)
		}
		return l.Download(t.Context(), r, name, nil)
	}
	e, err := get("hf:org/repo/m.gguf", "tiny")
	if err != nil || e.Size != uint64(len(data)) {
		t.Fatalf("%+v, %v", e, err)
	}
	if info, err := l.blobs.Stat(e.CID); err != nil || !info.InPlace || !strings.HasPrefix(info.Path, l.hubDir()) {
		t.Errorf("it is copied: %+v, %v", info, err)
	}
	if _, err := get("hf:org/repo/m.bin", "evil"); !errors.Is(err, gguf.ErrPickle) {
		t.Errorf("a pickle: %v", err)
	}
	if _, err := get("hf:org/repo/none", "none"); !errors.Is(err, hub.ErrNotFound) {
		t.Errorf("missing: %v", err)
	}
	// The file goes with the last name, at collection.
	if _, err := l.GC(t.Context(), false, nil); err != nil || len(files(t, l.hubDir())) != 1 {
		t.Errorf("while named: %q, %v", files(t, l.hubDir()), err)
	}
	if _, err := l.Unname(Model, "tiny"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.GC(t.Context(), false, nil); err != nil || len(files(t, l.hubDir())) != 0 {
		t.Errorf("nameless: %q, %v", files(t, l.hubDir()), err)
	}
}

func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What is brought by its CID is looked at before it gets a name.
func TestBringModel(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	model, err := l.blobs.Add(t.Context(), bytes.NewReader(modelFile(64)))
	if err != nil {
		t.Fatal(err)
	}
	if e, err := l.BringModel(t.Context(), model.CID, "brought", FetchOptions{Max: 1 << 20}); err != nil || e.Name != "brought" || e.Size != model.Size {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err := l.Lookup(Model, "brought"); err != nil || e.CID != model.CID {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := l.BringModel(t.Context(), model.CID, "x", FetchOptions{Max: 10}); !errors.Is(err, blob.ErrTooBig) {
		t.Errorf("larger than allowed: %v", err)
	}
	text, err := l.blobs.Add(t.Context(), strings.NewReader("no model at all"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.BringModel(t.Context(), text.CID, "text", FetchOptions{Max: 1 << 20}); !errors.Is(err, ErrNotModel) {
		t.Errorf("a text: %v", err)
	}
	if _, err := l.Lookup(Model, "text"); !errors.Is(err, ErrNoName) {
		t.Error("what is no model has a name")
	}
}
