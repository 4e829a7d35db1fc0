package image_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/image"
)

const (
	ociIndex    = "application/vnd.oci.image.index.v1+json"
	ociManifest = "application/vnd.oci.image.manifest.v1+json"
)

// maker makes layout folders by hand, good ones and bad ones.
type maker struct {
	testing.TB
	dir string
}

func newMaker(t testing.TB) maker {
	m := maker{t, t.TempDir()}
	if err := os.MkdirAll(filepath.Join(m.dir, "blobs", "sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.write("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return m
}

func (m maker) write(name string, raw []byte) {
	m.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, name), raw, 0o644); err != nil {
		m.Fatal(err)
	}
}

func (m maker) blob(d string) string {
	return filepath.Join(m.dir, "blobs", "sha256", strings.TrimPrefix(d, "sha256:"))
}

func (m maker) drop(d string) {
	m.Helper()
	if err := os.Remove(m.blob(d)); err != nil {
		m.Fatal(err)
	}
}

// desc is a descriptor, to be spoiled at will.
type desc map[string]any

func (d desc) digest() string { return d["digest"].(string) }

func (d desc) with(key string, v any) desc {
	d = maps.Clone(d)
	d[key] = v
	return d
}

func (d desc) on(arch string) desc {
	return d.with("platform", map[string]any{"os": "linux", "architecture": arch})
}

func (d desc) named(name string) desc {
	return d.with("annotations", map[string]any{"io.containerd.image.name": name, "org.opencontainers.image.ref.name": "v1"})
}

func (m maker) put(mediaType string, raw []byte) desc {
	m.write("blobs/sha256/"+strings.TrimPrefix(sum(raw), "sha256:"), raw)
	return desc{"mediaType": mediaType, "digest": sum(raw), "size": len(raw)}
}

func (m maker) json(mediaType string, v any) desc {
	raw, err := json.Marshal(v)
	if err != nil {
		m.Fatal(err)
	}
	return m.put(mediaType, raw)
}

// image is one manifest whose only file says what it is for.
func (m maker) image(os, arch string, spoil func(map[string]any)) desc {
	raw := pack(m, file("says", arch))
	manifest := map[string]any{
		"schemaVersion": 2, "mediaType": ociManifest,
		"config": m.json("application/vnd.oci.image.config.v1+json", map[string]any{
			"os": os, "architecture": arch, "rootfs": map[string]any{"type": "layers", "diff_ids": []string{sum(raw)}},
		}),
		"layers": []any{m.put("application/vnd.oci.image.layer.v1.tar+gzip", gz(m, raw))},
	}
	if spoil != nil {
		spoil(manifest)
	}
	return m.json(ociManifest, manifest)
}

// attestation is what BuildKit puts beside an image.
func (m maker) attestation(of desc) desc {
	d := m.json(ociManifest, map[string]any{
		"schemaVersion": 2, "mediaType": ociManifest,
		"config": m.json("application/vnd.oci.image.config.v1+json", map[string]any{
			"os": "unknown", "architecture": "unknown", "rootfs": map[string]any{"type": "layers", "diff_ids": []string{sum([]byte("x"))}},
		}),
		"layers": []any{m.put("application/vnd.in-toto+json", []byte(`{"_type":"statement","of":"`+of.digest()+`"}`))},
	})
	return d.with("platform", map[string]any{"os": "unknown", "architecture": "unknown"}).with("annotations",
		map[string]any{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of.digest()})
}

func (m maker) index(all ...desc) desc {
	return m.json(ociIndex, map[string]any{"schemaVersion": 2, "mediaType": ociIndex, "manifests": all})
}

// top writes index.json.
func (m maker) top(all ...desc) maker {
	raw, _ := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": all})
	m.write("index.json", raw)
	return m
}

func other() string {
	if runtime.GOARCH == "arm64" {
		return "amd64"
	}
	return "arm64"
}

// take imports a folder and its archive, wants both alike, and returns one.
func take(t *testing.T, m maker, choose string) (image.Imported, error) {
	t.Helper()
	tarPath := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(tarPath, packDir(t, m.dir), 0o644); err != nil {
		t.Fatal(err)
	}
	var results [2]image.Imported
	var errs [2]error
	for i, from := range []string{m.dir, tarPath} {
		dest := filepath.Join(t.TempDir(), "layout")
		results[i], errs[i] = image.Import(t.Context(), from, dest, image.Options{Choose: choose})
		if left, _ := os.ReadDir(dest); errs[i] != nil && len(left) > 0 {
			t.Errorf("failed and left %v", left)
		}
	}
	if (errs[0] == nil) != (errs[1] == nil) {
		t.Fatalf("the folder: %v, the archive: %v", errs[0], errs[1])
	}
	if errs[0] == nil && !slices.Equal(listing(t, results[0].Layout), listing(t, results[1].Layout)) {
		t.Errorf("the folder gave %q, the archive %q", listing(t, results[0].Layout), listing(t, results[1].Layout))
	}
	return results[0], errs[0]
}

// listing is all files of a folder with their digests.
func listing(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		all = append(all, rel+" "+sum(raw))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func says(t *testing.T, dir, digest string) string {
	t.Helper()
	dest, err := unpack(t, dir, digest, image.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dest, "says"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func digests(c image.Contents) (all []string) {
	for _, b := range c.Blobs {
		all = append(all, b.Digest.String())
	}
	return all
}

func TestImportKeepsAllPlatforms(t *testing.T) {
	t.Parallel()
	here, there := runtime.GOARCH, other()
	for name, build := range map[string]func(m maker, a, b, att desc) desc{
		"index":        func(m maker, a, b, att desc) desc { return m.index(b.on(there), a.on(here), att) },
		"no platforms": func(m maker, a, b, att desc) desc { return m.index(b, a, att) },
		"nested":       func(m maker, a, b, att desc) desc { return m.index(m.index(b.on(there)), m.index(a.on(here), att)) },
		"said to be": func(m maker, a, b, att desc) desc {
			return m.index(a.on(here).with("artifactType", "application/vnd.oci.image.config.v1+json"), b.on(there), att,
				b.on(here).with("artifactType", "application/vnd.example.thing"))
		},
		"other's first": func(m maker, a, b, att desc) desc { return m.index(att, b.on(there), a.on(here), a.on(here)) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMaker(t)
			a, b := m.image("linux", here, nil), m.image("linux", there, nil)
			att := m.attestation(a)
			root := build(m, a, b, att)
			stray := m.put("x", []byte("nothing to do with it"))
			m.top(root.named("docker.io/library/app:v1"))
			img, err := take(t, m, "")
			if err != nil {
				t.Fatal(err)
			}
			if img.Digest != root.digest() || img.Contents.Root.Digest.String() != root.digest() || len(img.Contents.Platforms) < 2 || len(img.Contents.Absent) > 0 {
				t.Errorf("%+v", img)
			}
			if !slices.Equal(img.Names, []string{"app:v1"}) {
				t.Errorf("names %q", img.Names)
			}
			held := digests(img.Contents)
			if !slices.Contains(held, a.digest()) || !slices.Contains(held, b.digest()) || !slices.Contains(held, att.digest()) || slices.Contains(held, stray.digest()) {
				t.Errorf("blobs %q", held)
			}
			if got := len(listing(t, img.Layout)); got != len(held)+2 {
				t.Errorf("%d files for %d blobs", got, len(held))
			}
			// By the index's digest, by the manifest's, and by none.
			for _, d := range []string{root.digest(), a.digest(), ""} {
				if got := says(t, img.Layout, d); got != here {
					t.Errorf("%s is for %s", d, got)
				}
			}
			if got := says(t, img.Layout, b.digest()); got != there {
				t.Errorf("the other is for %s", got)
			}
			l, err := image.Open(img.Layout, root.digest(), image.Limits{})
			if err != nil || l.Digest != root.digest() || l.ManifestDigest != a.digest() {
				t.Errorf("%+v, %v", l, err)
			}
		})
	}
}

// A digest says what belongs to an image, and no more: attestations beside a
// manifest are none of it.
func TestImportDropsWhatTheDigestDoesNotName(t *testing.T) {
	t.Parallel()
	m := newMaker(t)
	a := m.image("linux", runtime.GOARCH, nil)
	att := m.attestation(a)
	m.top(a.on(runtime.GOARCH), att)
	img, err := take(t, m, "")
	if err != nil || img.Digest != a.digest() || slices.Contains(digests(img.Contents), att.digest()) {
		t.Errorf("%+v, %v", img, err)
	}
}

// An index.json that lists the platforms itself is one image.
func TestImportFlatIndex(t *testing.T) {
	t.Parallel()
	m := newMaker(t)
	a, b := m.image("linux", runtime.GOARCH, nil), m.image("linux", other(), nil)
	m.top(b.on(other()), a.on(runtime.GOARCH))
	raw, err := os.ReadFile(filepath.Join(m.dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	img, err := take(t, m, "")
	if err != nil || img.Digest != sum(raw) || len(img.Contents.Platforms) != 2 {
		t.Fatalf("%+v, %v", img, err)
	}
	if got := says(t, img.Layout, img.Digest); got != runtime.GOARCH {
		t.Errorf("it is for %s", got)
	}
	if got := says(t, m.dir, ""); got != runtime.GOARCH {
		t.Errorf("as it lies it is for %s", got)
	}
	one, err := take(t, m, b.digest())
	if err != nil || one.Digest != b.digest() || len(one.Contents.Platforms) != 1 {
		t.Errorf("%+v, %v", one, err)
	}
}

// Archives of one platform keep the digest of the index they came by.
func TestImportSparseIndex(t *testing.T) {
	t.Parallel()
	m := newMaker(t)
	a, b := m.image("linux", runtime.GOARCH, nil), m.image("linux", other(), nil)
	win := m.image("windows", "amd64", func(man map[string]any) {
		man["layers"].([]any)[0] = man["layers"].([]any)[0].(desc).with("urls", []string{"http://x"})
	})
	root := m.index(a.on(runtime.GOARCH), b.on(other()), win)
	m.top(root)
	m.drop(b.digest())
	img, err := take(t, m, "")
	if err != nil || img.Digest != root.digest() {
		t.Fatalf("%+v, %v", img, err)
	}
	if len(img.Contents.Platforms) != 1 || !slices.Equal(img.Contents.Absent, []string{"linux/" + other(), win.digest()}) {
		t.Errorf("%+v", img.Contents)
	}
	if got := says(t, img.Layout, root.digest()); got != runtime.GOARCH {
		t.Errorf("it is for %s", got)
	}
	// The other way round there is an image, but not for this machine.
	m2 := newMaker(t)
	b = m2.image("linux", other(), nil)
	root = m2.index(b.on(other()))
	m2.top(root)
	if img, err = take(t, m2, ""); err != nil || img.Digest != root.digest() {
		t.Fatalf("%+v, %v", img, err)
	}
	if _, err := image.Open(img.Layout, root.digest(), image.Limits{}); !errors.Is(err, image.ErrPlatform) || !errors.Is(err, exec.ErrImage) ||
		!strings.Contains(err.Error(), "linux/"+other()) {
		t.Errorf("%v", err)
	}
}

func TestImportChoice(t *testing.T) {
	t.Parallel()
	m := newMaker(t)
	raw := func(says string) desc {
		return m.image("linux", runtime.GOARCH, func(man map[string]any) { man["annotations"] = map[string]any{"n": says} })
	}
	a, b := raw("a"), m.index(raw("b").on(runtime.GOARCH))
	m.top(a.named("docker.io/library/app:v1"), a.named("docker.io/team/app:v1"), b.named("ghcr.io/team/app:latest"))
	if _, err := take(t, m, ""); !errors.Is(err, image.ErrSeveral) || !errors.Is(err, exec.ErrImage) ||
		!strings.Contains(err.Error(), "app:v1") || !strings.Contains(err.Error(), b.digest()) {
		t.Errorf("%v", err)
	}
	if _, err := image.Open(m.dir, "", image.Limits{}); !errors.Is(err, image.ErrSeveral) {
		t.Errorf("%v", err)
	}
	for want, d := range map[string]desc{
		"app:v1": a, "docker.io/library/app:v1": a, "team/app:v1": a, a.digest(): a,
		"ghcr.io/team/app": b, "ghcr.io/team/app:latest": b, b.digest(): b,
	} {
		img, err := take(t, m, want)
		if err != nil || img.Digest != d.digest() {
			t.Errorf("%s: %s, %v", want, img.Digest, err)
		}
		if d.digest() == a.digest() && !slices.Equal(img.Names, []string{"app:v1", "team/app:v1"}) {
			t.Errorf("names %q", img.Names)
		}
	}
	for _, want := range []string{"app", "app:v2", "v1", sum(nil)} {
		if _, err := take(t, m, want); !errors.Is(err, exec.ErrImage) || errors.Is(err, image.ErrSeveral) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// FuzzImport lets an index and a manifest be anything, over blobs that are
// good. What is taken in is whole, and is found again by its digest.
func FuzzImport(f *testing.F) {
	m := newMaker(f)
	a, b := m.image("linux", runtime.GOARCH, nil), m.image("linux", other(), nil)
	raw := func(d desc) []byte {
		r, err := os.ReadFile(m.blob(d.digest()))
		if err != nil {
			f.Fatal(err)
		}
		return r
	}
	f.Add(raw(m.index(a.on(runtime.GOARCH), b.on(other()), m.attestation(a))), raw(a))
	f.Add(raw(m.index(a, a.with("urls", []string{"x"}))), []byte(`{"schemaVersion":2,"manifests":[{}]}`))
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"digest":"sha256:..","size":-1}]}`), raw(m.index()))
	f.Fuzz(func(t *testing.T, index, manifest []byte) {
		n := maker{t, m.dir}
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(m.dir)); err != nil {
			t.Fatal(err)
		}
		n.dir = dir
		one := n.put(ociManifest, manifest)
		n.write("index.json", index)
		for _, top := range []func(){func() {}, func() { n.top(n.put(ociIndex, index)) }, func() { n.top(one, a.named("x")) }} {
			top()
			img, err := image.Import(t.Context(), dir, filepath.Join(t.TempDir(), "layout"), image.Options{})
			if err != nil {
				if !errors.Is(err, exec.ErrImage) && !errors.Is(err, exec.ErrImageTooBig) {
					t.Errorf("%v", err)
				}
				continue
			}
			again, err := image.Inspect(img.Layout, img.Digest, image.Limits{})
			if err != nil || len(again.Blobs) != len(img.Contents.Blobs) || len(again.Platforms) == 0 {
				t.Errorf("taken in and not found: %+v, %v", again, err)
			}
			for _, p := range again.Platforms {
				l, err := image.Open(img.Layout, p.Digest, image.Limits{})
				if err != nil {
					t.Fatalf("%s: %v", p.Name, err)
				}
				if err := l.Verify(t.Context()); err != nil {
					t.Errorf("%s: %v", p.Name, err)
				}
			}
		}
	})
}
