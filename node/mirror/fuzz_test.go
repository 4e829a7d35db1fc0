package mirror_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"infernet.tech/infernet/node/mirror"
)

// FuzzServe asks for anything and wants an answer that is one: what has a
// digest with the bytes of it, or an error in the specification's form.
func FuzzServe(f *testing.F) {
	s := newShelf(f)
	index, _ := newIndex(f, 100)
	s.add(index, "team/app:v1")
	if err := os.WriteFile(filepath.Join(index.Layout, "secret"), []byte("the secret"), 0o644); err != nil {
		f.Fatal(err)
	}
	m, err := mirror.New(mirror.Default(), s, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range []string{"/v2/", "/v2/_catalog", "/v2/team/app/manifests/v1", "/v2/team/app/blobs/" + layer(f, index),
		"/v2/team/app/tags/list", "/v2/team/app/referrers/" + nothing, "/v2/../../secret", "/v2/team/app/blobs/sha256:../../secret"} {
		f.Add("GET", path, "n=1&last=a&ns=docker.io", "bytes=0-5")
		f.Add("HEAD", path, "", "")
	}
	f.Fuzz(func(t *testing.T, method, path, query, ranges string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Method, r.URL, r.Host, r.RemoteAddr = method, &url.URL{Path: path, RawQuery: query}, "127.0.0.1", "127.0.0.1:1"
		if ranges != "" {
			r.Header.Set("Range", ranges)
		}
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		got := reply{w.Code, w.Header(), w.Body.Bytes(), nil}
		d := got.header.Get("Docker-Content-Digest")
		switch {
		case bytes.Contains(got.body, []byte("the secret")):
			t.Errorf("%q gave the secret", path)
		case got.status == http.StatusRequestedRangeNotSatisfiable:
		case got.status >= 400:
			if len(got.code()) > 30 || d != "" {
				t.Errorf("%q: %d %q", path, got.status, got.body)
			}
		case got.status == 200 && d != "" && method == "GET":
			if !bytes.Equal(got.body, readBlob(t, index, d)) {
				t.Errorf("%q: other bytes", path)
			}
		}
		if s.holding() != 0 {
			t.Errorf("%q: %d images are held", path, s.holding())
		}
	})
}
