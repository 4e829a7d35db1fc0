package content

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"infernet.tech/infernet/exec/image"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/blob"
)

func newLibrary(t *testing.T) *Library {
	t.Helper()
	dir := t.TempDir()
	db := store.NewMem()
	blobs, err := blob.Open(filepath.Join(dir, "blobs"), store.Prefix(db, "blob/"), blob.Config{})
	if err != nil {
		t.Fatal(err)
	}
	layouts := filepath.Join(dir, "layouts")
	if err := os.Mkdir(layouts, 0o755); err != nil {
		t.Fatal(err)
	}
	return New(blobs, store.Prefix(db, "content/"), nil, layouts, slog.New(slog.DiscardHandler))
}

func TestNamesOfContent(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"demo": true, "infernet/llm": true, "a/b/c:v1.2": true, "x86_64-v3": true,
		"": false, "/etc/passwd": false, "../up": false, "a//b": false, "a/": false, "-rf": false, ".hidden": false,
		"a b": false, "a\x1b[31m": false, "a:b:c": false, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestNameLookup(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	info, err := l.blobs.Add(t.Context(), strings.NewReader("weights"))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Name(Entry{Kind: Model, Name: "small", CID: info.CID, Size: info.Size}); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"small", info.CID} {
		if e, err := l.Lookup(Model, ref); err != nil || e.CID != info.CID || e.AddedAt.IsZero() {
			t.Errorf("%s: %+v, %v", ref, e, err)
		}
	}
	// The same word on another shelf is nothing, and so is a word of its own.
	for _, tc := range []struct {
		kind Kind
		ref  string
	}{{Image, "small"}, {Model, "large"}, {Model, ""}} {
		if _, err := l.Lookup(tc.kind, tc.ref); !errors.Is(err, ErrNoName) {
			t.Errorf("%s %q: %v", tc.kind, tc.ref, err)
		}
	}
	// What has a name stays when what has none goes.
	other, err := l.blobs.Add(t.Context(), strings.NewReader("scratch"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.GC(t.Context(), false, nil); err != nil {
		t.Fatal(err)
	}
	if !l.Has(info.CID) || l.Has(other.CID) {
		t.Errorf("after collection: named %v, nameless %v", l.Has(info.CID), l.Has(other.CID))
	}
	if err := l.Name(Entry{Kind: Model, Name: "../x", CID: info.CID}); err == nil {
		t.Error("a path is taken for a name")
	}
	if err := l.Name(Entry{Kind: Model, Name: "gone", CID: other.CID}); err == nil {
		t.Error("a name is given to what is not here")
	}
}

// shelf is a built-in of one model and one image whose content changes.
type shelf struct{ version string }

func (s *shelf) Model(name string) ([]byte, error) {
	if name != "demo" {
		return nil, ErrNoName
	}
	return []byte("model " + s.version), nil
}

func (s *shelf) Image(name, dir string) (string, error) {
	if name != "llm" {
		return "", ErrNoName
	}
	return image.WriteLayout(dir, image.Spec{
		Files:      map[string]image.File{"task": {Mode: 0o755, Data: []byte(s.version)}},
		Entrypoint: []string{"/task"},
	})
}

func (s *shelf) Stamp(_ Kind, name string) (string, error) {
	if name != "demo" && name != "llm" {
		return "", ErrNoName
	}
	return s.version, nil
}

func (s *shelf) Names(Kind) []string { return []string{"demo"} }

// A built-in is made once and again when the program it comes with is another.
func TestBuiltins(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	s := &shelf{version: "one"}
	l.SetBuiltin(s)
	resolve := func() (model, img Entry) {
		t.Helper()
		model, err := l.ResolveModel(t.Context(), "demo", "")
		if err != nil {
			t.Fatal(err)
		}
		if img, err = l.ResolveImage(t.Context(), "llm", ""); err != nil {
			t.Fatal(err)
		}
		return model, img
	}
	m1, i1 := resolve()
	m2, i2 := resolve()
	if m1.CID != m2.CID || i1.CID != i2.CID || i1.Digest != i2.Digest || i1.Digest == "" {
		t.Errorf("the same twice: %+v %+v, %+v %+v", m1, m2, i1, i2)
	}
	s.version = "two"
	m3, i3 := resolve()
	if m3.CID == m1.CID || i3.Digest == i1.Digest {
		t.Error("what an older program brought still stands")
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	l.SetBuiltin(&shelf{version: "one"})
	dir := t.TempDir()
	file := filepath.Join(dir, "weights.gguf")
	if err := os.WriteFile(file, []byte("weights"), 0o644); err != nil {
		t.Fatal(err)
	}
	byPath, err := l.ResolveModel(t.Context(), "weights.gguf", dir)
	if err != nil || byPath.Size != 7 {
		t.Fatalf("relative to the job: %+v, %v", byPath, err)
	}
	if e, err := l.ResolveModel(t.Context(), file, "/elsewhere"); err != nil || e.CID != byPath.CID {
		t.Errorf("absolute: %+v, %v", e, err)
	}
	if e, err := l.ResolveModel(t.Context(), byPath.CID, dir); err != nil || e.CID != byPath.CID {
		t.Errorf("by its CID: %+v, %v", e, err)
	}
	_, err = l.ResolveModel(t.Context(), "nowhere", dir)
	if !errors.Is(err, ErrNoName) || !strings.Contains(err.Error(), "demo") {
		t.Errorf("nothing: %v, want it to name what there is", err)
	}
	if _, err := l.ResolveImage(t.Context(), byPath.CID, dir); !errors.Is(err, ErrNoName) {
		t.Errorf("a model for an image: %v", err)
	}
	if _, err := l.ResolveImage(t.Context(), file, dir); err == nil {
		t.Error("a text is taken for an image")
	}
}

func TestGrants(t *testing.T) {
	t.Parallel()
	var g grants
	peer := func(n int) (p identity.PubKey) {
		copy(p[:], fmt.Sprintf("%032d", n))
		return p
	}
	g.add("a", peer(1))
	g.add("a", peer(1))
	g.add("", peer(1))
	for _, tc := range []struct {
		cid  string
		peer int
		ok   bool
	}{{"a", 1, true}, {"a", 2, false}, {"b", 1, false}, {"", 1, false}} {
		if got := g.allows(tc.cid, peer(tc.peer)); got != tc.ok {
			t.Errorf("%q to %d: %v", tc.cid, tc.peer, got)
		}
	}
	// Bounded: the oldest goes, and only that.
	for n := 2; n <= maxGrants+1; n++ {
		g.add("a", peer(n))
	}
	if len(g.known) != maxGrants || len(g.order) != maxGrants {
		t.Errorf("%d and %d are kept, want %d", len(g.known), len(g.order), maxGrants)
	}
	if g.allows("a", peer(1)) || !g.allows("a", peer(2)) || !g.allows("a", peer(maxGrants+1)) {
		t.Error("not the oldest was forgotten")
	}
}

// What is here is not fetched, and not given out beyond the size announced.
func TestFetchOfWhatIsHere(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	info, err := l.blobs.Add(t.Context(), strings.NewReader("seven b"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Fetch(t.Context(), info.CID, 7); err != nil {
		t.Error(err)
	}
	if _, err := l.Fetch(t.Context(), info.CID, 6); !errors.Is(err, blob.ErrTooBig) {
		t.Errorf("larger than announced: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Fetch(ctx, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", 10); err == nil {
		t.Error("fetched from nobody")
	}
	// Laid out twice it is the same path, and readable.
	for range 2 {
		path, err := l.FetchFile(t.Context(), info.CID, 7)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != "seven b" {
			t.Errorf("laid out: %q, %v", got, err)
		}
	}
}
