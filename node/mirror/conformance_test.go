package mirror_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"infernet.tech/infernet/exec/image"
	"infernet.tech/infernet/p2p/identity"
)

// owner is somebody whose names are asked for.
func owner() identity.PubKey {
	k, err := identity.FromSecret([32]byte{31: 7})
	if err != nil {
		panic(err)
	}
	return k.PubKey()
}

const (
	ociIndex    = "application/vnd.oci.image.index.v1+json"
	ociManifest = "application/vnd.oci.image.manifest.v1+json"
	nothing     = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
)

// TestPull makes the requests of the distribution specification's section on
// pulling, each as GET and as HEAD.
func TestPull(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	index, manifest := newIndex(t, 100_000)
	single := newImage(t, 10)
	s.add(index, "team/app:v1", "team/app:latest")
	s.add(single, "single:latest")
	addr := run(t, s, nil)
	l, err := image.Open(index.Layout, index.Digest, image.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	config, layer := l.Manifest.Config.Digest.String(), l.Manifest.Layers[0].Digest.String()
	for path, want := range map[string]struct {
		status            int
		digest, mediaType string // of what is there
		code              string // of an error
	}{
		"team/app/manifests/v1":                          {200, index.Digest, ociIndex, ""},
		"team/app/manifests/latest":                      {200, index.Digest, ociIndex, ""},
		"team/app/manifests/" + index.Digest:             {200, index.Digest, ociIndex, ""},
		"team/app/manifests/" + manifest.Digest:          {200, manifest.Digest, ociManifest, ""},
		"team/app/blobs/" + config:                       {200, config, "application/octet-stream", ""},
		"team/app/blobs/" + layer:                        {200, layer, "application/octet-stream", ""},
		"team/app/blobs/" + manifest.Digest:              {200, manifest.Digest, "application/octet-stream", ""},
		"single/manifests/latest":                        {200, single.Digest, ociManifest, ""},
		"other/name/manifests/" + single.Digest:          {200, single.Digest, ociManifest, ""},
		"team/app/manifests/v2":                          {404, "", "", "MANIFEST_UNKNOWN"},
		"team/none/manifests/v1":                         {404, "", "", "MANIFEST_UNKNOWN"},
		"team/app/manifests/" + nothing:                  {404, "", "", "MANIFEST_UNKNOWN"},
		"team/app/manifests/.INVALID_MANIFEST_NAME":      {404, "", "", "MANIFEST_UNKNOWN"},
		"team/app/manifests/" + layer:                    {404, "", "", "MANIFEST_UNKNOWN"},
		"team/app/manifests/sha256:totallywrong":         {400, "", "", "DIGEST_INVALID"},
		"team/app/manifests/sha512:" + nothing[7:]:       {404, "", "", "MANIFEST_UNKNOWN"},
		"team/app/blobs/" + nothing:                      {404, "", "", "BLOB_UNKNOWN"},
		"single/blobs/" + layer:                          {404, "", "", "BLOB_UNKNOWN"},
		"team/none/blobs/" + layer:                       {404, "", "", "BLOB_UNKNOWN"},
		"team/app/blobs/sha256:ABC":                      {400, "", "", "DIGEST_INVALID"},
		"team/app/blobs/v1":                              {400, "", "", "DIGEST_INVALID"},
		"Team/app/manifests/v1":                          {400, "", "", "NAME_INVALID"},
		"team//app/manifests/v1":                         {400, "", "", "NAME_INVALID"},
		strings.Repeat("a/", 200) + "app/manifests/v1":   {400, "", "", "NAME_INVALID"},
		"team/app/uploads/x":                             {404, "", "", "UNSUPPORTED"},
		"manifests/v1":                                   {404, "", "", "UNSUPPORTED"},
		"npub1qqqqqq/app/manifests/v1":                   {400, "", "", "NAME_INVALID"},
		"team/app/manifests/v1?ns=exa%20mple":            {400, "", "", "NAME_INVALID"},
		"team/app/manifests/" + strings.Repeat("v", 129): {404, "", "", "MANIFEST_UNKNOWN"},
	} {
		got := ask(t, "GET", addr, "/v2/"+path)
		if got.status != want.status || got.err != nil {
			t.Errorf("GET %s: %d %.200q, %v", path, got.status, got.body, got.err)
			continue
		}
		head := ask(t, "HEAD", addr, "/v2/"+path)
		if head.status != got.status || len(head.body) > 0 || head.header.Get("Docker-Content-Digest") != want.digest {
			t.Errorf("HEAD %s: %d %v", path, head.status, head.header)
		}
		if want.code != "" {
			if got.code() != want.code {
				t.Errorf("GET %s: %s", path, got.code())
			}
			continue
		}
		for _, h := range []http.Header{got.header, head.header} {
			if h.Get("Docker-Content-Digest") != want.digest || h.Get("ETag") != `"`+want.digest+`"` || h.Get("Content-Type") != want.mediaType ||
				h.Get("Content-Length") != fmt.Sprint(len(got.body)) || h.Get("Docker-Distribution-API-Version") != "registry/2.0" {
				t.Errorf("%s: %v", path, h)
			}
		}
		from := index
		if strings.Contains(want.digest, single.Digest) {
			from = single
		}
		if !bytes.Equal(got.body, readBlob(t, from, want.digest)) {
			t.Errorf("GET %s: other bytes", path)
		}
	}
}

func TestBase(t *testing.T) {
	t.Parallel()
	addr := run(t, newShelf(t), nil)
	for path, status := range map[string]int{"/v2/": 200, "/v2": 200, "/": 404, "/v1/": 404, "/v2x/": 404, "/v2/app": 404, "": 404} {
		if got := ask(t, "GET", addr, path); got.status != status {
			t.Errorf("%q: %d %q", path, got.status, got.body)
		}
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
		for _, path := range []string{"/v2/app/blobs/uploads/", "/v2/app/manifests/v1", "/v2/app/blobs/" + nothing} {
			if got := ask(t, method, addr, path); got.status != 405 || got.code() != "UNSUPPORTED" || got.header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d %q", method, path, got.status, got.body)
			}
		}
	}
	got := ask(t, "GET", addr, "/v2/app/referrers/"+nothing)
	var list struct {
		SchemaVersion int
		Manifests     []any
	}
	if err := json.Unmarshal(got.body, &list); err != nil || got.status != 200 || got.header.Get("Content-Type") != ociIndex || list.SchemaVersion != 2 || list.Manifests == nil || len(list.Manifests) != 0 {
		t.Errorf("%d %q, %v", got.status, got.body, err)
	}
	if got := ask(t, "GET", addr, "/v2/app/referrers/x"); got.code() != "DIGEST_INVALID" {
		t.Errorf("%d %q", got.status, got.body)
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	img := newImage(t, 300_000)
	s.add(img, "app:v1")
	addr := run(t, s, nil)
	d := layer(t, img)
	whole := readBlob(t, img, d)
	path := "/v2/app/blobs/" + d
	size := len(whole)
	// Before and after the blob was served whole: it is verified by either.
	for range 2 {
		for _, c := range []struct {
			header      string
			status      int
			first, last int
		}{
			{"bytes=0-99", 206, 0, 99}, {"bytes=1000-", 206, 1000, size - 1}, {"bytes=-10", 206, size - 10, size - 1},
			{"bytes=5-99999999", 206, 5, size - 1}, {fmt.Sprintf("bytes=%d-", size), 416, 0, 0}, {"bytes=9-2", 416, 0, 0}, {"pages=1-2", 416, 0, 0},
		} {
			got := ask(t, "GET", addr, path, "Range", c.header)
			if got.status != c.status {
				t.Errorf("%s: %d", c.header, got.status)
				continue
			}
			if c.status == 206 && (!bytes.Equal(got.body, whole[c.first:c.last+1]) || got.header.Get("Content-Range") != fmt.Sprintf("bytes %d-%d/%d", c.first, c.last, size)) {
				t.Errorf("%s: %d bytes, %s", c.header, len(got.body), got.header.Get("Content-Range"))
			}
		}
		if got := ask(t, "GET", addr, path); got.status != 200 || !bytes.Equal(got.body, whole) || got.header.Get("Accept-Ranges") != "bytes" {
			t.Errorf("%d, %d bytes, %v", got.status, len(got.body), got.header)
		}
		if got := ask(t, "GET", addr, path, "If-None-Match", `"`+d+`"`); got.status != 304 || len(got.body) > 0 {
			t.Errorf("%d", got.status)
		}
		if got := ask(t, "GET", addr, path, "Range", "bytes=1-2", "If-Range", `"other"`); got.status != 200 || len(got.body) != size {
			t.Errorf("%d", got.status)
		}
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	img := newImage(t, 10)
	s.add(img, "app:a", "app:b", "app:c", "app:d", "app:latest", "team/app:v1", "docker.io/library/app:hub", "ghcr.io/x:v1")
	addr := run(t, s, nil)
	list := func(path string) ([]string, string) {
		t.Helper()
		got := ask(t, "GET", addr, path)
		var v struct{ Tags, Repositories []string }
		if err := json.Unmarshal(got.body, &v); err != nil || got.status != 200 || v.Tags == nil && v.Repositories == nil {
			t.Fatalf("%s: %d %q", path, got.status, got.body)
		}
		return append(v.Tags, v.Repositories...), got.header.Get("Link")
	}
	for path, want := range map[string][]string{
		"/v2/app/tags/list":                          {"a", "b", "c", "d", "latest"},
		"/v2/app/tags/list?n=2":                      {"a", "b"},
		"/v2/app/tags/list?n=2&last=b":               {"c", "d"},
		"/v2/app/tags/list?n=0":                      {},
		"/v2/app/tags/list?n=99":                     {"a", "b", "c", "d", "latest"},
		"/v2/app/tags/list?last=bb":                  {"c", "d", "latest"},
		"/v2/app/tags/list?last=z":                   {},
		"/v2/library/app/tags/list?ns=docker.io":     {"a", "b", "c", "d", "hub", "latest"},
		"/v2/x/tags/list?ns=ghcr.io":                 {"v1"},
		"/v2/_catalog":                               {"app", "docker.io/library/app", "ghcr.io/x", "team/app"},
		"/v2/_catalog?n=1&last=docker.io/library/zz": {"ghcr.io/x"},
	} {
		if got, _ := list(path); !slices.Equal(got, want) {
			t.Errorf("%s: %q", path, got)
		}
	}
	// Links lead through all of it.
	var all []string
	for next := "/v2/app/tags/list?n=2"; next != ""; {
		page, link := list(next)
		all = append(all, page...)
		next = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	}
	if !slices.Equal(all, []string{"a", "b", "c", "d", "latest"}) {
		t.Errorf("%q", all)
	}
	for path, code := range map[string]string{
		"/v2/none/tags/list": "NAME_UNKNOWN", "/v2/app/tags/list?n=x": "PAGINATION_NUMBER_INVALID",
		"/v2/app/tags/list?n=-1": "PAGINATION_NUMBER_INVALID", "/v2/App/tags/list": "NAME_INVALID", "/v2/app/tags/other": "UNSUPPORTED",
		"/v2/x/tags/list": "NAME_UNKNOWN",
	} {
		if got := ask(t, "GET", addr, path); got.code() != code {
			t.Errorf("%s: %d %q", path, got.status, got.body)
		}
	}
}

// TestNames: what a repository's name may mean, by the registry it stands for.
func TestNames(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	own, hub, ghcr, theirs := newImage(t, 1), newImage(t, 2), newImage(t, 3), newImage(t, 4)
	npub := owner().String()
	s.add(own, "app:v1")
	s.add(hub, "docker.io/library/tool:v1")
	s.add(ghcr, "ghcr.io/team/app:v1")
	s.add(theirs, npub+"/app:v1", npub+"/deep/er/app:v1")
	addr := run(t, s, nil)
	for path, want := range map[string]string{
		"app/manifests/v1":                              own.Digest,
		"library/app/manifests/v1":                      own.Digest, // docker of its mirror
		"library/app/manifests/v1?ns=docker.io":         own.Digest, // containerd of its
		"library/tool/manifests/v1?ns=docker.io":        hub.Digest,
		"docker.io/library/tool/manifests/v1":           hub.Digest,
		"team/app/manifests/v1?ns=ghcr.io":              ghcr.Digest,
		"ghcr.io/team/app/manifests/v1":                 ghcr.Digest,
		npub + "/app/manifests/v1":                      theirs.Digest,
		npub + "/deep/er/app/manifests/v1":              theirs.Digest,
		npub + "/app/manifests/v1?ns=docker.io":         theirs.Digest,
		"app/manifests/v1?ns=ghcr.io":                   "",
		"library/app/manifests/v1?ns=ghcr.io":           "",
		"team/app/manifests/v1":                         "",
		"team/app/manifests/v1?ns=docker.io":            "",
		"app/manifests/v1?ns=127.0.0.1:4590":            "",
		"team/app/manifests/" + own.Digest + "?ns=q.io": own.Digest, // a digest proves itself
	} {
		got := ask(t, "GET", addr, "/v2/"+path)
		if got.header.Get("Docker-Content-Digest") != want || want == "" && got.status != 404 {
			t.Errorf("%s: %d %q", path, got.status, got.body)
		}
	}
	// With this key as its own the mirror asks for its owner's own names.
	addr = run(t, s, func(c *mirrorConfig) { c.Self = owner() })
	if got := ask(t, "GET", addr, "/v2/"+npub+"/app/manifests/v1"); got.header.Get("Docker-Content-Digest") != own.Digest {
		t.Errorf("%d %q", got.status, got.body)
	}
}
