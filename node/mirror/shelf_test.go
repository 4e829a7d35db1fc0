package mirror_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest"
	"infernet.tech/infernet/exec/image"
	"infernet.tech/infernet/node/mirror"
	"infernet.tech/infernet/p2p/identity"
)

// shelf is Images out of layout folders.
type shelf struct {
	mu      sync.Mutex
	names   map[string]exec.Image // by Ref.String
	digests map[string]exec.Image
	asked   []string
	held    int
	hook    func(ctx context.Context) error
}

// newShelf is an empty shelf. When the test and every mirror that it began have
// ended, nothing of it may still be held; before that a request may have
// answered whole and not have returned.
func newShelf(t testing.TB) *shelf {
	t.Helper()
	s := &shelf{names: map[string]exec.Image{}, digests: map[string]exec.Image{}}
	t.Cleanup(func() {
		if n := s.holding(); n != 0 {
			t.Errorf("%d images are still held", n)
		}
	})
	return s
}

func (s *shelf) add(img exec.Image, names ...string) {
	for _, n := range names {
		s.names[n] = img
	}
	s.digests[img.Digest] = img
}

func (s *shelf) give(ctx context.Context, what string, img exec.Image, ok bool) (mirror.Image, error) {
	if s.hook != nil {
		if err := s.hook(ctx); err != nil {
			return mirror.Image{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, what)
	if !ok {
		return mirror.Image{}, mirror.ErrUnknown
	}
	s.held++
	return mirror.Image{Digest: img.Digest, Dir: img.Layout, Release: func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held--
	}}, nil
}

func (s *shelf) ByName(ctx context.Context, ref mirror.Ref) (mirror.Image, error) {
	img, ok := s.names[ref.String()]
	return s.give(ctx, ref.String(), img, ok)
}

func (s *shelf) ByDigest(ctx context.Context, digest string) (mirror.Image, error) {
	img, ok := s.digests[digest]
	return s.give(ctx, digest, img, ok)
}

func (s *shelf) List(context.Context) (all []mirror.Ref, err error) {
	for n := range s.names {
		if ref, ok := mirror.ParseRef(identity.PubKey{}, n); ok && !strings.HasPrefix(n, "npub1") {
			all = append(all, ref)
		}
	}
	return all, nil
}

func (s *shelf) holding() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// newImage writes an image whose layer is noise of this size.
func newImage(t testing.TB, size int) exec.Image {
	t.Helper()
	noise := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(noise)
	dir := filepath.Join(t.TempDir(), "layout")
	digest, err := image.WriteLayout(dir, image.Spec{Files: map[string]image.File{"noise": {Data: noise}}, Entrypoint: []string{"/noise"}})
	if err != nil {
		t.Fatal(err)
	}
	return exec.Image{Digest: digest, Layout: dir}
}

// newIndex is newImage below an index, together with a platform that is not
// there.
func newIndex(t testing.TB, size int) (index, manifest exec.Image) {
	t.Helper()
	manifest = newImage(t, size)
	return exectest.Index(t, manifest, map[string]string{
		runtime.GOARCH: manifest.Digest, "s390x": "sha256:" + strings.Repeat("0", 64),
	}), manifest
}

// layer is the digest of an image's only layer.
func layer(t testing.TB, img exec.Image) string {
	t.Helper()
	l, err := image.Open(img.Layout, img.Digest, image.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return l.Manifest.Layers[0].Digest.String()
}

func blobFile(img exec.Image, digest string) string {
	return filepath.Join(img.Layout, "blobs", "sha256", strings.TrimPrefix(digest, "sha256:"))
}

func readBlob(t testing.TB, img exec.Image, digest string) []byte {
	t.Helper()
	raw, err := os.ReadFile(blobFile(img, digest))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// run serves a shelf until the test ends, and returns its address.
func run(t testing.TB, images mirror.Images, change func(*mirror.Config)) string {
	t.Helper()
	cfg := mirror.Default()
	cfg.Listen = "127.0.0.1:0"
	if change != nil {
		change(&cfg)
	}
	m, err := mirror.New(cfg, images, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	select {
	case <-m.Ready():
	case err := <-ended:
		t.Fatal(err)
	}
	return m.Addr()
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error
}

// ask sends one request as it is: nothing cleans its path.
func ask(t testing.TB, method, addr, path string, header ...string) reply {
	t.Helper()
	return askUntil(t.Context(), t, method, addr, path, header...)
}

// askUntil is ask, as long as ctx lasts.
func askUntil(ctx context.Context, t testing.TB, method, addr, path string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Path, req.URL.RawQuery, _ = strings.Cut(path, "?")
	if strings.Contains(path, "%") {
		req.URL.Opaque = "//" + addr + path
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	tr := &http.Transport{DisableCompression: true}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, raw, err}
}

// code is the code of an error in the specification's form; anything else is
// told as such.
func (r reply) code() string {
	var e struct {
		Errors []struct{ Code, Message string }
	}
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil || len(e.Errors) != 1 || e.Errors[0].Message == "" || r.header.Get("Content-Type") != "application/json" {
		return fmt.Sprintf("no error: %.100q", r.body)
	}
	return e.Errors[0].Code
}

func jsonInto(raw []byte, v any) error { return json.Unmarshal(raw, v) }
