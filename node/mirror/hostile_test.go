package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/node/mirror"
)

type mirrorConfig = mirror.Config

// TestNoWayOut: no path of a request reaches a file that is no blob.
func TestNoWayOut(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	img := newImage(t, 10)
	s.add(img, "app:v1")
	secret := "the secret"
	for _, name := range []string{"blobs/secret", "blobs/sha256/secret", "secret"} {
		if err := os.WriteFile(filepath.Join(img.Layout, name), []byte(secret), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stray := strings.Repeat("5", 64)
	if err := os.WriteFile(filepath.Join(img.Layout, "blobs/sha256", stray), []byte(secret), 0o644); err != nil {
		t.Fatal(err)
	}
	addr := run(t, s, nil)
	for _, path := range []string{
		"/v2/app/blobs/sha256:../secret", "/v2/app/blobs/../secret", "/v2/app/blobs/sha256/secret", "/v2/app/blobs/secret",
		"/v2/app/manifests/../../secret", "/v2/../secret", "/v2/app/../../secret", "/../secret", "/v2/../../../../etc/passwd",
		"/v2/app/blobs/sha256:%2e%2e%2f" + stray, "/v2/%2e%2e/%2e%2e/manifests/v1", "/v2/app%2f..%2f/blobs/sha256:" + stray,
		"/v2/app/blobs/sha256:" + stray, "/v2/app/manifests/sha256:" + stray, "/v2/app\x00/manifests/v1", "/v2/app%00/manifests/v1",
		"/v2/app/blobs/sha256:" + stray + "%00", "/v2//app/manifests/v1", "/v2/app//manifests/v1", "/v2/./app/manifests/v1",
		"/v2/app\\..\\/manifests/v1", "/v2/_catalog/../app/manifests/v1", "/v2/app/tags/../list",
	} {
		got := ask(t, "GET", addr, path)
		if got.err == nil && (got.status < 400 || got.status >= 500) || bytes.Contains(got.body, []byte(secret)) {
			t.Errorf("%q: %d %q", path, got.status, got.body)
		}
	}
}

// TestPagesAreRefused: what a browser can be made to ask is not answered.
func TestPagesAreRefused(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.add(newImage(t, 10), "app:v1")
	addr := run(t, s, nil)
	_, port, _ := net.SplitHostPort(addr)
	for _, c := range []struct {
		status int
		header []string
	}{
		{200, nil}, {200, []string{"Host", "localhost:" + port}}, {200, []string{"Host", "[::1]:" + port}}, {200, []string{"Host", "127.1.2.3"}},
		{403, []string{"Host", "evil.example:" + port}}, {403, []string{"Host", "10.0.0.1"}}, {403, []string{"Host", "127.0.0.1.evil.example"}},
		{403, []string{"Origin", "http://evil.example"}}, {403, []string{"Origin", "null"}}, {403, []string{"Sec-Fetch-Site", "cross-site"}},
	} {
		got := ask(t, "GET", addr, "/v2/app/manifests/v1", c.header...)
		if got.status != c.status || c.status == 403 && got.code() != "DENIED" {
			t.Errorf("%q: %d %q", c.header, got.status, got.body)
		}
	}
}

func TestListensOnThisMachineAlone(t *testing.T) {
	t.Parallel()
	for listen, ok := range map[string]bool{
		"127.0.0.1:0": true, "[::1]:4590": true, "127.9.9.9:1": true,
		"0.0.0.0:0": false, ":4590": false, "[::]:0": false, "192.0.2.1:80": false, "example.org:80": false, "": false, "127.0.0.1": false,
	} {
		cfg := mirror.Default()
		cfg.Listen = listen
		if _, err := mirror.New(cfg, newShelf(t), slog.New(slog.DiscardHandler)); (err == nil) != ok || err != nil && !errors.Is(err, mirror.ErrListen) {
			t.Errorf("%q: %v", listen, err)
		}
	}
}

// TestDamage: bytes that are wrong are not served as if they were right.
func TestDamage(t *testing.T) {
	t.Parallel()
	for _, size := range []int{10, 3_000_000} {
		s := newShelf(t)
		index, manifest := newIndex(t, size)
		s.add(index, "app:v1")
		addr := run(t, s, nil)
		d := layer(t, index)
		good := readBlob(t, index, d)
		spoil := func(file string, raw []byte) {
			t.Helper()
			if err := os.WriteFile(file, raw, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		wrong := bytes.Clone(good)
		wrong[len(wrong)/2] ^= 1
		if got := ask(t, "GET", addr, "/v2/app/manifests/v1"); got.status != 200 {
			t.Fatalf("%d %q", got.status, got.body)
		}
		path := "/v2/app/blobs/" + d
		spoil(blobFile(index, d), wrong)
		if got := ask(t, "GET", addr, path); got.err == nil || len(got.body) >= len(good) {
			t.Errorf("a damaged layer: %d, %d bytes of %d, %v", got.status, len(got.body), len(good), got.err)
		}
		if got := ask(t, "GET", addr, path, "Range", "bytes=0-1"); got.status != http.StatusBadGateway || got.header.Get("Docker-Content-Digest") != "" {
			t.Errorf("a part of it: %d %q", got.status, got.body)
		}
		spoil(blobFile(index, d), good[:len(good)-1])
		if got := ask(t, "GET", addr, path); got.status != http.StatusBadGateway {
			t.Errorf("a short layer: %d", got.status)
		}
		spoil(blobFile(index, d), good)
		for range 2 {
			if got := ask(t, "GET", addr, path); got.status != 200 || !bytes.Equal(got.body, good) || got.err != nil {
				t.Errorf("whole again: %d, %d bytes, %v", got.status, len(got.body), got.err)
			}
		}
		spoil(blobFile(index, manifest.Digest), []byte(`{"schemaVersion":2}`))
		if got := ask(t, "GET", addr, "/v2/app/manifests/"+manifest.Digest); got.status != http.StatusBadGateway || got.code() != "MANIFEST_INVALID" {
			t.Errorf("a damaged manifest: %d %q", got.status, got.body)
		}
	}
}

// TestNoLinks: a blob that is a link is not followed.
func TestNoLinks(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	img := newImage(t, 10)
	s.add(img, "app:v1")
	addr := run(t, s, nil)
	d := layer(t, img)
	if got := ask(t, "GET", addr, "/v2/app/manifests/v1"); got.status != 200 {
		t.Fatal(got.status)
	}
	elsewhere := filepath.Join(t.TempDir(), "x")
	if err := errors.Join(os.Rename(blobFile(img, d), elsewhere), os.Symlink(elsewhere, blobFile(img, d))); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if got := ask(t, "GET", addr, "/v2/app/blobs/"+d); got.status < 400 {
		t.Errorf("%d", got.status)
	}
}

// TestCrowd: no more are answered at once than there are hands for, some wait,
// the rest hear so, and nobody who has gone is waited for.
func TestCrowd(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.add(newImage(t, 10), "app:v1")
	begun := make(chan struct{}, 100)
	let := make(chan struct{})
	s.hook = func(ctx context.Context) error {
		begun <- struct{}{}
		select {
		case <-let:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	addr := run(t, s, func(c *mirrorConfig) { c.Requests = 2 })
	const crowd = 20
	answers := make(chan reply, crowd)
	var wg sync.WaitGroup
	for range crowd {
		wg.Go(func() { answers <- ask(t, "GET", addr, "/v2/app/manifests/v1") })
	}
	for range 2 {
		<-begun
	}
	for range crowd - 10 { // two answered, eight waiting
		if got := <-answers; got.status != 429 || got.code() != "TOOMANYREQUESTS" || got.header.Get("Retry-After") == "" {
			t.Errorf("%d %q", got.status, got.body)
		}
	}
	if len(begun) != 0 {
		t.Error("more than two were answered at once")
	}
	close(let)
	for range 10 {
		if got := <-answers; got.status != 200 {
			t.Errorf("%d %q", got.status, got.body)
		}
	}
	wg.Wait()
}

// TestGone: a client that has gone ends what was begun for it.
func TestGone(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	begun, ended := make(chan struct{}), make(chan error, 1)
	s.hook = func(ctx context.Context) error {
		close(begun)
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}
	addr := run(t, s, nil)
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://"+addr+"/v2/app/manifests/v1", nil)
	go func() {
		<-begun
		cancel()
	}()
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
		t.Error("answered")
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestStall: a client that takes nothing is left after a while.
func TestStall(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	img := newImage(t, 64<<20)
	s.add(img, "app:v1")
	addr := run(t, s, func(c *mirrorConfig) { c.Stall, c.Requests = 300*time.Millisecond, 1 })
	answered := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		for { // a machine that is busy may itself take nothing for so long
			got := askUntil(ctx, t, "GET", addr, "/v2/app/manifests/v1")
			if got.err == nil {
				if got.status != 200 {
					t.Errorf("%d", got.status)
				}
				return
			}
			select {
			case <-ctx.Done():
				t.Fatalf("never answered: %v", got.err)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	answered()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /v2/app/blobs/"+layer(t, img)+" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	// There are hands for one: this is answered once the other was left.
	answered()
}

// TestSlowImages: what is long in coming is answered, also on a connection that
// has been used before.
func TestSlowImages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t)
		img := newImage(t, 10)
		s.add(img, "app:v1")
		cfg := mirror.Default()
		s.hook = func(context.Context) error {
			<-time.After(4 * cfg.Stall)
			return nil
		}
		m, err := mirror.New(cfg, s, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		tr := overPipes(t, m)
		tr.MaxConnsPerHost = 1
		c := &http.Client{Transport: tr}
		for _, method := range []string{"GET", "HEAD", "HEAD", "GET"} {
			for path, status := range map[string]int{"app/manifests/v1": 200, "none/manifests/v1": 404} {
				req, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1/v2/"+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := c.Do(req)
				if err != nil {
					t.Fatalf("%s: %v", method, err)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != status {
					t.Errorf("%s %s: %d, %v", method, path, resp.StatusCode, err)
				}
				resp.Body.Close()
			}
		}
	})
}

// TestStopsWithItsRequests: a mirror that is stopped waits for a request that
// goes on after its client was cut off.
func TestStopsWithItsRequests(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.add(newImage(t, 10), "app:v1")
	begun, let := make(chan struct{}), make(chan struct{})
	s.hook = func(ctx context.Context) error {
		close(begun)
		<-ctx.Done()
		<-let
		return nil
	}
	cfg := mirror.Default()
	cfg.Listen = "127.0.0.1:0"
	m, err := mirror.New(cfg, s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	<-m.Ready()
	go func() {
		<-begun
		stop()
	}()
	if got := ask(t, "GET", m.Addr(), "/v2/app/manifests/v1"); got.err == nil {
		t.Errorf("answered: %d", got.status)
	}
	select {
	case err := <-ended:
		t.Fatalf("it ended before its request: %v", err)
	case <-time.After(100 * time.Millisecond): // as long as a mirror that does not wait needs
	}
	close(let)
	if err := <-ended; err != nil || s.holding() != 0 {
		t.Errorf("%d images are held, %v", s.holding(), err)
	}
}

// liars gives images that are not what was asked for.
type liars struct{ *shelf }

func (l liars) ByDigest(ctx context.Context, digest string) (mirror.Image, error) {
	for d := range l.digests {
		if d != digest {
			return l.shelf.ByDigest(ctx, d)
		}
	}
	return mirror.Image{}, mirror.ErrUnknown
}

func TestWrongImage(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	a, b := newImage(t, 1), newImage(t, 2)
	s.add(a, "a:v1")
	s.add(b, "b:v1")
	s.add(exec.Image{Digest: nothing, Layout: a.Layout}, "lie:v1")
	addr := run(t, liars{s}, nil)
	if got := ask(t, "GET", addr, "/v2/x/manifests/"+a.Digest); got.status != http.StatusBadGateway {
		t.Errorf("%d %q", got.status, got.body)
	}
	if got := ask(t, "GET", addr, "/v2/lie/manifests/v1"); got.status != http.StatusBadGateway || got.code() != "MANIFEST_INVALID" {
		t.Errorf("%d %q", got.status, got.body)
	}
}
