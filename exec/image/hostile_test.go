package image_test

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/image"
)

// saved is an image of docker save before it knew layouts.
func saved(config, layer string, tags ...string) map[string]any {
	return map[string]any{"Config": config, "RepoTags": tags, "Layers": []string{layer}}
}

func TestDockerSaveOfSeveral(t *testing.T) {
	t.Parallel()
	one, two := pack(t, file("says", "one")), pack(t, file("says", "two"))
	config := func(raw []byte) string {
		c, _ := json.Marshal(map[string]any{"os": "linux", "architecture": runtime.GOARCH,
			"rootfs": map[string]any{"type": "layers", "diff_ids": []string{sum(raw)}}})
		return string(c)
	}
	ids := [2]string{sum([]byte(config(one))), sum([]byte(config(two)))}
	name := func(i int) string { return strings.TrimPrefix(ids[i], "sha256:") + ".json" }
	archive := func(list ...any) []byte {
		raw, _ := json.Marshal(list)
		return pack(t, file("manifest.json", string(raw)), file(name(0), config(one)), file(name(1), config(two)),
			file("1/layer.tar", string(one)), file("2/layer.tar", string(two)))
	}
	choose := func(raw []byte, want string) (image.Imported, error) {
		path := filepath.Join(t.TempDir(), "saved.tar")
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		return image.Import(t.Context(), path, filepath.Join(t.TempDir(), "layout"), image.Options{Choose: want})
	}
	// Several tags of one image are one image, however they are told.
	for _, raw := range [][]byte{
		archive(saved(name(0), "1/layer.tar", "app:v1", "docker.io/team/app:latest")),
		archive(saved(name(0), "1/layer.tar", "app:v1"), saved(name(0), "1/layer.tar", "team/app:latest")),
	} {
		img, err := choose(raw, "")
		if err != nil || !slices.Equal(img.Names, []string{"app:v1", "team/app:latest"}) || says(t, img.Layout, img.Digest) != "one" {
			t.Errorf("%+v, %v", img, err)
		}
	}
	both := archive(saved(name(0), "1/layer.tar", "app:v1"), saved(name(1), "2/layer.tar", "app:v2", "app:latest"), saved(name(1), "1/layer.tar"))
	if _, err := choose(both, ""); !errors.Is(err, image.ErrSeveral) || !strings.Contains(err.Error(), "app:v1") || !strings.Contains(err.Error(), "app:latest") {
		t.Errorf("%v", err)
	}
	for want, content := range map[string]string{"app:v1": "one", "app": "two", "docker.io/library/app:v2": "two", ids[0]: "one"} {
		img, err := choose(both, want)
		if err != nil || says(t, img.Layout, img.Digest) != content {
			t.Errorf("%s: %+v, %v", want, img, err)
		}
	}
	for _, want := range []string{"app:v3", ids[1], "../" + name(0)} {
		if _, err := choose(both, want); !errors.Is(err, exec.ErrImage) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	here := runtime.GOARCH
	foreign := func(man map[string]any) {
		man["layers"].([]any)[0] = man["layers"].([]any)[0].(desc).with("mediaType", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
	}
	for _, c := range []struct {
		name  string
		build func(m maker) desc
		want  error
	}{
		{"foreign layer", func(m maker) desc { return m.image("linux", here, foreign) }, exec.ErrImage},
		{"foreign layer in an index", func(m maker) desc { return m.index(m.image("linux", here, foreign).on(here)) }, exec.ErrImage},
		{"nothing for Linux", func(m maker) desc { return m.index(m.image("windows", "amd64", nil)) }, image.ErrPlatform},
		{"attestations alone", func(m maker) desc { return m.index(m.attestation(desc{"digest": "x"})) }, image.ErrPlatform},
		{"an empty index", func(m maker) desc { return m.index() }, exec.ErrImage},
		{"an index that is a manifest too", func(m maker) desc {
			a := m.image("linux", here, nil)
			return m.json(ociIndex, map[string]any{"schemaVersion": 2, "manifests": []any{a}, "config": a, "layers": []any{}})
		}, exec.ErrImage},
		{"a manifest that says it is an index", func(m maker) desc {
			return m.image("linux", here, func(man map[string]any) { man["mediaType"] = ociIndex })
		}, exec.ErrImage},
		{"indexes too deep", func(m maker) desc {
			return m.index(m.index(m.index(m.index(m.image("linux", here, nil)))))
		}, exec.ErrImage},
		{"an index told wrong", func(m maker) desc { return m.index(m.image("linux", here, nil).with("size", 3)) }, exec.ErrImage},
		{"a layer told wrong", func(m maker) desc {
			return m.index(m.image("linux", here, func(man map[string]any) {
				man["layers"].([]any)[0] = man["layers"].([]any)[0].(desc).with("size", 3)
			}))
		}, exec.ErrImage},
		{"a digest that is a path", func(m maker) desc {
			return m.index(m.image("linux", here, nil).with("digest", "sha256:../../../../etc/passwd"))
		}, exec.ErrImage},
		{"another platform damaged", func(m maker) desc {
			b := m.image("linux", other(), nil)
			m.write("blobs/sha256/"+b.digest()[7:], []byte("{}"))
			return m.index(m.image("linux", here, nil), b)
		}, exec.ErrImage},
		{"another platform's layer is a lie", func(m maker) desc {
			b := m.image("linux", other(), func(man map[string]any) {
				man["layers"] = []any{m.put("x", pack(m, file("says", "other than its diff id")))}
			})
			return m.index(m.image("linux", here, nil), b)
		}, exec.ErrImage},
		{"an attestation is a lie", func(m maker) desc {
			a := m.image("linux", here, nil)
			att := m.attestation(a)
			raw, _ := os.ReadFile(m.blob(att.digest()))
			var man struct{ Layers []desc }
			if err := json.Unmarshal(raw, &man); err != nil {
				m.Fatal(err)
			}
			m.write("blobs/sha256/"+man.Layers[0].digest()[7:], make([]byte, int(man.Layers[0]["size"].(float64))))
			return m.index(a, att)
		}, exec.ErrImage},
		{"too many platforms", func(m maker) desc {
			a := m.image("linux", here, nil)
			return m.index(slices.Repeat([]desc{a}, 200)...)
		}, exec.ErrImageTooBig},
		{"indexes that multiply", func(m maker) desc {
			a := m.image("linux", here, nil)
			for range 2 {
				a = m.index(slices.Repeat([]desc{a}, 50)...)
			}
			return a
		}, exec.ErrImageTooBig},
		{"a list without end", func(m maker) desc {
			return m.put(ociIndex, []byte(`{"schemaVersion":2,"manifests":[`+strings.Repeat("{},", 1<<20)+`{}]}`))
		}, exec.ErrImageTooBig},
		{"layers without end", func(m maker) desc {
			return m.image("linux", here, func(man map[string]any) { man["layers"] = slices.Repeat(man["layers"].([]any), 400) })
		}, exec.ErrImageTooBig},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMaker(t)
			m.top(c.build(m))
			if _, err := take(t, m, ""); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// TestDocumentMemory: a manifest within its limit must not become gigabytes.
// Not parallel: it looks at what is allocated.
func TestDocumentMemory(t *testing.T) {
	m := newMaker(t)
	d := m.put(ociManifest, []byte(`{"schemaVersion":2,"config":{},"layers":[`+strings.Repeat("{},", 1<<20)+`{}]}`))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := image.Open(m.dir, d.digest(), image.Limits{})
	runtime.ReadMemStats(&after)
	if !errors.Is(err, exec.ErrImageTooBig) {
		t.Error(err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%d bytes allocated", n)
	}
}

func TestArchiveRefuses(t *testing.T) {
	t.Parallel()
	special := func(kind byte) []byte {
		return pack(t, entry{Header: tar.Header{Typeflag: kind, Name: "dev", Devmajor: 1, Devminor: 3}})
	}
	many := make([]entry, 6_000)
	for i := range many {
		many[i] = file(fmt.Sprintf("f%d", i), "")
	}
	for name, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"character device": {special(tar.TypeChar), exec.ErrImage},
		"block device":     {special(tar.TypeBlock), exec.ErrImage},
		"fifo":             {special(tar.TypeFifo), exec.ErrImage},
		"many entries":     {pack(t, many...), exec.ErrImageTooBig},
		"a long name":      {pack(t, file(strings.Repeat("long/", 200)+"x", "")), exec.ErrImage},
		"a long link":      {pack(t, symlink("l", strings.Repeat("x", 5000))), exec.ErrImage},
		"a name twice":     {pack(t, file("index.json", "{}"), file("./index.json", "{}")), exec.ErrImage},
		"a file as folder": {pack(t, file("blobs", "x"), file("blobs/sha256", "x")), exec.ErrImage},
		"index is a link": {pack(t, symlink("index.json", "/etc/passwd"), file("oci-layout", "{}"),
			symlink("manifest.json", "../../../../../../etc/passwd")), exec.ErrImage},
		"links in a ring": {pack(t, symlink("index.json", "oci-layout"), symlink("oci-layout", "index.json")), exec.ErrImage},
		"a sparse claim":  {sparse(t, 19<<30), exec.ErrImageTooBig},
		"a bomb outside":  {gz(t, pack(t, file("zeros", strings.Repeat("\x00", 64<<20)))), exec.ErrImageTooBig},
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			if _, err := convert(t, c.raw, image.Limits{}); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if took := time.Since(begun); took > 5*time.Minute {
				t.Errorf("refused after %v", took)
			}
		})
	}
	dir := t.TempDir()
	if _, err := image.Import(t.Context(), filepath.Join(dir, "none"), filepath.Join(dir, "layout"), image.Options{}); !errors.Is(err, exec.ErrImage) {
		t.Errorf("%v", err)
	}
}

// sparse is an archive of one file that claims to be large and holds nothing,
// in the form that GNU tar writes.
func sparse(t testing.TB, size int64) []byte {
	t.Helper()
	pax := func(key, value string) string {
		n := len(key) + len(value) + 3
		for n != len(fmt.Sprintf("%d %s=%s\n", n, key, value)) {
			n = len(fmt.Sprintf("%d %s=%s\n", n, key, value))
		}
		return fmt.Sprintf("%d %s=%s\n", n, key, value)
	}
	records := pax("GNU.sparse.major", "1") + pax("GNU.sparse.minor", "0") + pax("GNU.sparse.name", "zeros") +
		pax("GNU.sparse.realsize", fmt.Sprint(size))
	body := fmt.Sprintf("1\n%d\n0\n", size)
	raw := pack(t, file("sparse", body+strings.Repeat("\x00", 512-len(body))))
	head := pack(t, file("PaxHeaders/x", records))
	head = head[:len(head)-1024]
	head[156] = 'x'
	var total int64
	copy(head[148:156], "        ")
	for _, b := range head[:512] {
		total += int64(b)
	}
	copy(head[148:156], fmt.Sprintf("%06o\x00 ", total))
	return append(head, raw...)
}

// TestHostileLayers unpacks what is made to get out, to fill up or to last.
func TestHostileLayers(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	link := func(name, to string) entry {
		return entry{Header: tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: to}}
	}
	deep := make([]entry, 3_000)
	for i := range deep {
		deep[i] = file(strings.Repeat("d/", 120-i%2)+fmt.Sprint(i), "")
	}
	for name, c := range map[string]struct {
		layer []byte
		want  error
	}{
		"a hard link through a link":  {pack(t, symlink("out", outside), file("x", "y"), link("out/z", "x")), nil},
		"a hard link to outside":      {pack(t, symlink("out", outside), link("z", "out/secret")), exec.ErrImage},
		"a hard link up":              {pack(t, link("z", "a/../../secret")), exec.ErrImage},
		"a hard link to a link":       {pack(t, symlink("out", filepath.Join(outside, "secret")), link("z", "out"), file("z", "new")), nil},
		"a folder over a link":        {pack(t, symlink("out", outside), dir("out/"), file("out/x", "y")), nil},
		"a whiteout outside":          {pack(t, symlink("out", outside), file("out/.wh.secret", "")), nil},
		"an opaque whiteout outside":  {pack(t, symlink("out", outside), file("out/.wh..wh..opq", "")), nil},
		"a whiteout of the folder up": {pack(t, file(".wh...", "")), exec.ErrImage},
		"a whiteout of nothing":       {pack(t, file(".wh.", "")), exec.ErrImage},
		"names too deep":              {pack(t, file(strings.Repeat("d/", 300)+"x", "")), exec.ErrImageTooBig},
		"many deep names":             {pack(t, deep...), exec.ErrImageTooBig},
		"a part too long":             {pack(t, file(strings.Repeat("x", 256), "")), exec.ErrImage},
		"an unknown type":             {pack(t, entry{Header: tar.Header{Typeflag: 'Z', Name: "x"}}), exec.ErrImage},
		"a sparse claim":              {sparse(t, 50<<30), exec.ErrImageTooBig},
	} {
		t.Run(name, func(t *testing.T) {
			secret := filepath.Join(outside, "secret")
			if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
				t.Fatal(err)
			}
			d, digest := craft(t, nil, plain(c.layer))
			_, err := unpack(t, d, digest, image.Limits{Entries: 10_000})
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			raw, err := os.ReadFile(secret)
			if left, _ := os.ReadDir(outside); err != nil || string(raw) != "secret" || len(left) != 1 {
				t.Errorf("outside there is %v: %q, %v", left, raw, err)
			}
		})
	}
}

// TestWhiteoutsSpareTheirLayer: a whiteout hides lower layers, wherever it
// stands in its own.
func TestWhiteoutsSpareTheirLayer(t *testing.T) {
	t.Parallel()
	lower := pack(t, dir("d/"), file("d/old", "1"), dir("d/sub/"), file("d/sub/old", "1"), file("e/old", "1"), file("e/sub/old", "1"))
	upper := pack(t, file("d/sub/new", "2"), file("d/.wh..wh..opq", ""), file("e/sub/new", "2"), file(".wh.e", ""), file("e/.wh.none", ""))
	d, digest := craft(t, nil, plain(lower), plain(upper))
	dest, err := unpack(t, d, digest, image.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"d/old": false, "d/sub/old": false, "d/sub/new": true, "e/old": false, "e/sub/old": false, "e/sub/new": true,
	} {
		if _, err := os.Lstat(filepath.Join(dest, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWhiteoutsAgain: hiding a large folder again and again costs its size once.
func TestWhiteoutsAgain(t *testing.T) {
	t.Parallel()
	const n = 2_000
	var entries []entry
	for i := range n {
		entries = append(entries, file(fmt.Sprintf("d/%d", i), ""))
	}
	for range n {
		entries = append(entries, file("d/.wh..wh..opq", ""), file(".wh.d", ""))
	}
	d, digest := craft(t, nil, plain(pack(t, entries...)))
	begun := time.Now()
	dest, err := unpack(t, d, digest, image.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(dest, "d")); err != nil || len(left) != n {
		t.Errorf("%d files, %v", len(left), err)
	}
	if took := time.Since(begun); took > 5*time.Minute {
		t.Errorf("took %v", took)
	}
}
