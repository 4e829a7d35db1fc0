package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/mirror"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/blob"
)

// library is a real one, with no network around it.
func library(t testing.TB) *content.Library {
	t.Helper()
	dir := t.TempDir()
	db := store.NewMem()
	blobs, err := blob.Open(filepath.Join(dir, "blobs"), store.Prefix(db, "blob/"), blob.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := blobs.Close(); err != nil {
			t.Error(err)
		}
	})
	layouts := filepath.Join(dir, "layouts")
	if err := os.Mkdir(layouts, 0o755); err != nil {
		t.Fatal(err)
	}
	return content.New(blobs, store.Prefix(db, "content/"), nil, layouts, slog.New(slog.DiscardHandler))
}

// TestLibrary pulls what a library took in.
func TestLibrary(t *testing.T) {
	t.Parallel()
	lib := library(t)
	index, _ := newIndex(t, 100_000)
	single := newImage(t, 10)
	add := func(img exec.Image, o content.ImageOptions) content.AddedImage {
		t.Helper()
		// The top of a folder names the image; newIndex adds an index below it.
		top := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
			map[bool]string{true: ociIndex, false: ociManifest}[img == index], img.Digest, len(readBlob(t, img, img.Digest)))
		if err := os.WriteFile(filepath.Join(img.Layout, "index.json"), []byte(top), 0o644); err != nil {
			t.Fatal(err)
		}
		a, err := lib.AddImageFile(t.Context(), img.Layout, o)
		if err != nil || a.Digest != img.Digest {
			t.Fatalf("%+v, %v", a, err)
		}
		return a
	}
	add(index, content.ImageOptions{Name: "team/app:v1"})
	add(single, content.ImageOptions{Name: "secret", Private: true})
	held := 0
	s := mirror.NewSource(mirror.SourceConfig{Hold: func(cid string) (func(), error) {
		release, err := lib.Blobs().Hold(cid)
		held++
		return func() { held--; release() }, err
	}}, lib)
	addr := run(t, s, func(c *mirrorConfig) { c.Requests = 1 }) // held is one goroutine's at a time
	for ref, want := range map[string]exec.Image{
		"/team/app:v1": index, "/x@" + index.Digest: index, "/secret:latest": single, "/secret@" + single.Digest: single,
	} {
		root, got, err := pullAll(t.Context(), plain(), addr+ref)
		if err != nil || root.Digest.String() != want.Digest || !slices.Contains(got, layer(t, want)) {
			t.Errorf("%s: %+v, %q, %v", ref, root, got, err)
		}
	}
	if got := ask(t, "GET", addr, "/v2/none/manifests/v1"); got.status != 404 || got.code() != "MANIFEST_UNKNOWN" {
		t.Errorf("%d %q", got.status, got.body)
	}
	if got := ask(t, "GET", addr, "/v2/_catalog"); string(got.body) != `{"repositories":["team/app"]}` {
		t.Errorf("%d %q", got.status, got.body)
	}
	// Requests end one after the other, so this is seen when the last has.
	if got := ask(t, "GET", addr, "/v2/"); got.status != 200 || held != 0 {
		t.Errorf("%d, %d are held", got.status, held)
	}
}

// asked is a Library that knows a few refs, and remembers what it was asked.
type asked struct {
	known map[string]exec.Image
	refs  []string
	fails int // holds that fail first
	held  int
}

func (a *asked) PullImage(_ context.Context, ref string, o content.FetchOptions) (content.Entry, string, error) {
	a.refs = append(a.refs, ref)
	if !o.Anyone {
		return content.Entry{}, "", errors.New("from nobody")
	}
	img, ok := a.known[ref]
	if !ok {
		return content.Entry{}, "", fmt.Errorf("%w: %s", content.ErrNoName, ref)
	}
	return content.Entry{Digest: img.Digest, CID: "cid of " + img.Digest}, img.Layout, nil
}

func (a *asked) Names(content.Kind) ([]content.Entry, error) {
	return []content.Entry{
		{Name: "app:v1", CID: "shared"}, {Name: "app", CID: "shared"}, {Name: "own:v1", CID: "private"}, {Name: "Upper:v1", CID: "shared"},
	}, nil
}

func (a *asked) Shared(cid string) bool { return cid == "shared" }

func (a *asked) hold(string) (func(), error) {
	if a.fails--; a.fails >= 0 {
		return nil, blob.ErrNotHave
	}
	a.held++
	return func() { a.held-- }, nil
}

func TestSource(t *testing.T) {
	t.Parallel()
	self, alice, bob := key(t, 9).PubKey(), key(t, 1).PubKey(), key(t, 2).PubKey()
	img := exec.Image{Digest: nothing, Layout: "dir"}
	a := &asked{known: map[string]exec.Image{}}
	s := mirror.NewSource(mirror.SourceConfig{Self: self, Publishers: []identity.PubKey{alice}, Hold: a.hold}, a)
	// All that a ref may be, in this order, and nothing else.
	for _, c := range []struct {
		ref  mirror.Ref
		asks []string
	}{
		{mirror.Ref{Name: "app", Tag: "v1"}, []string{"app:v1", alice.String() + "/app:v1"}},
		{mirror.Ref{Name: "app", Tag: "latest"}, []string{"app:latest", "app", alice.String() + "/app:latest"}},
		{mirror.Ref{Owner: self, Name: "app", Tag: "v1"}, []string{"app:v1"}},
		{mirror.Ref{Owner: bob, Name: "team/app", Tag: "latest"}, []string{bob.String() + "/team/app:latest"}},
	} {
		a.refs = nil
		if got, err := s.ByName(t.Context(), c.ref); !errors.Is(err, mirror.ErrUnknown) {
			t.Errorf("%s: %+v, %v", c.ref, got, err)
		}
		if !slices.Equal(a.refs, c.asks) {
			t.Errorf("%s: asked %q", c.ref, a.refs)
		}
		last := c.asks[len(c.asks)-1]
		a.known = map[string]exec.Image{last: img}
		got, err := s.ByName(t.Context(), c.ref)
		if err != nil || got.Digest != nothing || got.Dir != "dir" || a.held != 1 {
			t.Fatalf("%s: %+v, %v", c.ref, got, err)
		}
		got.Release()
		a.known = nil
	}
	// What is collected between finding and holding is brought again, once.
	a.known = map[string]exec.Image{nothing: img}
	for fails, ok := range []bool{true, true, false} {
		a.fails = fails
		got, err := s.ByDigest(t.Context(), nothing)
		if (err == nil) != ok || !ok && !errors.Is(err, blob.ErrNotHave) {
			t.Errorf("%d failures: %v", fails, err)
		}
		if ok {
			got.Release()
		}
	}
	if a.held != 0 {
		t.Errorf("%d are held", a.held)
	}
	list, err := s.List(t.Context())
	if err != nil || !slices.Equal(list, []mirror.Ref{{Name: "app", Tag: "v1"}, {Name: "app", Tag: "latest"}}) {
		t.Errorf("%v, %v", list, err)
	}
}

func key(t testing.TB, n byte) *identity.Key {
	t.Helper()
	k, err := identity.FromSecret([32]byte{31: n})
	if err != nil {
		t.Fatal(err)
	}
	return k
}
