package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/image"
)

// entry is one entry of a hand-made archive.
type entry struct {
	tar.Header
	body string
}

func file(name, body string) entry {
	return entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(body))}, body}
}

func dir(name string) entry {
	return entry{Header: tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}}
}

func symlink(name, to string) entry {
	return entry{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to}}
}

func pack(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gz(t testing.TB, raw []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zst(t testing.TB, raw []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(raw, nil)
}

func sum(raw []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(raw)) }

// layer is a layer as it lies, and what it is unpacked.
type layer struct{ packed, plain []byte }

func plain(raw []byte) layer { return layer{raw, raw} }

// craft writes a layout with these layers; spoil may change the manifest.
func craft(t testing.TB, spoil func(manifest map[string]any), layers ...layer) (dir, digest string) {
	t.Helper()
	dir = t.TempDir()
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	put := func(raw []byte) map[string]any {
		d := sum(raw)
		if err := os.WriteFile(filepath.Join(blobs, strings.TrimPrefix(d, "sha256:")), raw, 0o644); err != nil {
			t.Fatal(err)
		}
		return map[string]any{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": d, "size": len(raw)}
	}
	descs, diffs := []any{}, []string{}
	for _, l := range layers {
		descs = append(descs, put(l.packed))
		diffs = append(diffs, sum(l.plain))
	}
	config, _ := json.Marshal(map[string]any{
		"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	})
	m := map[string]any{"schemaVersion": 2, "config": put(config), "layers": descs}
	if spoil != nil {
		spoil(m)
	}
	raw, _ := json.Marshal(m)
	d := put(raw)
	d["mediaType"] = "application/vnd.oci.image.manifest.v1+json"
	index, _ := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []any{d}})
	if err := os.WriteFile(filepath.Join(dir, "index.json"), index, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir, d["digest"].(string)
}

// unpack opens and unpacks, and returns the folder.
func unpack(t testing.TB, dir, digest string, lim image.Limits) (string, error) {
	t.Helper()
	dest := filepath.Join(t.TempDir(), "a", "rootfs")
	if err := os.MkdirAll(dest, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := image.Open(dir, digest, lim)
	if err != nil {
		return dest, err
	}
	return dest, l.Unpack(t.Context(), dest)
}

func TestWriteLayoutIsDeterministic(t *testing.T) {
	t.Parallel()
	spec := image.Spec{
		Files: map[string]image.File{
			"/bin/tool": {Mode: 0o755, Data: []byte("tool")}, "etc/x": {Data: []byte("x")},
		},
		Dirs: []string{"var/lib"}, Entrypoint: []string{"/bin/tool"}, Arch: "amd64", Name: "demo",
	}
	first, err := image.WriteLayout(t.TempDir(), spec)
	if err != nil {
		t.Fatal(err)
	}
	// A change of this value changes the digest of every image we make.
	if want := "sha256:4bb5b3c6c1f0f9aa4802c6cf1d3328bb5be05e90b63b4c9c05100d0c0a289ce9"; first != want {
		t.Errorf("digest %s", first)
	}
	dir := t.TempDir()
	if again, err := image.WriteLayout(dir, spec); err != nil || again != first {
		t.Errorf("second time %s, %v", again, err)
	}
	dest, err := unpack(t, dir, "", image.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dest, "bin/tool"))
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(dest, "var/lib")); err != nil {
		t.Error(err)
	}
	if _, err := image.WriteLayout(dir, spec); err == nil {
		t.Error("wrote into a folder that is not empty")
	}
}

func TestUnpackLayers(t *testing.T) {
	t.Parallel()
	setuid := file("bin/su", "x")
	setuid.Mode = 0o4750
	lower := pack(t, dir("etc/"), file("etc/gone", "1"), file("etc/kept", "2"), dir("old/"), file("old/a", "1"),
		symlink("var", "/srv/data"), dir("srv/"), dir("srv/data/"), setuid,
		entry{Header: tar.Header{Typeflag: tar.TypeChar, Name: "dev/mem", Devmajor: 1, Devminor: 1}},
		entry{Header: tar.Header{Typeflag: tar.TypeLink, Name: "bin/sudo", Linkname: "bin/su"}})
	upper := pack(t, file("etc/.wh.gone", ""), file("old/.wh..wh..opq", ""), file("old/b", "2"), file("var/new", "3"))
	d, digest := craft(t, nil, layer{gz(t, lower), lower}, layer{zst(t, upper), upper})
	dest, err := unpack(t, d, digest, image.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"etc/gone": false, "etc/kept": true, "old/a": false, "old/b": true, "srv/data/new": true, "dev/mem": false, "bin/sudo": true,
	} {
		if _, err := os.Lstat(filepath.Join(dest, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if info, err := os.Stat(filepath.Join(dest, "bin/su")); err != nil || info.Mode() != 0o755 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestUnpackRefuses(t *testing.T) {
	t.Parallel()
	zeros := pack(t, file("zeros", strings.Repeat("\x00", 64<<20)))
	many := make([]entry, 200)
	for i := range many {
		many[i] = file(fmt.Sprintf("f%d", i), "")
	}
	ok := pack(t, file("a", "b"))
	small := image.Limits{Entries: 100, Bytes: 1 << 20}
	for _, c := range []struct {
		name  string
		lim   image.Limits
		spoil func(map[string]any)
		layer layer
		want  error
	}{
		{"gzip bomb", image.Limits{}, nil, layer{gz(t, zeros), zeros}, exec.ErrImageTooBig},
		{"zstd bomb", image.Limits{}, nil, layer{zst(t, zeros), zeros}, exec.ErrImageTooBig},
		{"too many bytes", small, nil, plain(zeros), exec.ErrImageTooBig},
		{"too many entries", small, nil, plain(pack(t, many...)), exec.ErrImageTooBig},
		{"up", image.Limits{}, nil, plain(pack(t, file("../x", "y"))), exec.ErrImage},
		{"up inside", image.Limits{}, nil, plain(pack(t, file("a/../../x", "y"))), exec.ErrImage},
		{"hard link out", image.Limits{}, nil, plain(pack(t, entry{Header: tar.Header{Typeflag: tar.TypeLink, Name: "x", Linkname: "../../etc/passwd"}})), exec.ErrImage},
		{"link loop", image.Limits{}, nil, plain(pack(t, symlink("a", "b"), symlink("b", "a"), file("a/x", "y"))), exec.ErrImage},
		{"wrong diff id", image.Limits{}, nil, layer{ok, []byte("other")}, exec.ErrImage},
		{"torn", image.Limits{}, nil, plain(pack(t, file("a", strings.Repeat("b", 2000)))[:700]), exec.ErrImage},
		{"no archive", image.Limits{}, nil, plain([]byte(strings.Repeat("text", 999))), exec.ErrImage},
		{"wrong size", image.Limits{}, func(m map[string]any) { first(m)["size"] = 7 }, plain(ok), exec.ErrImage},
		{"huge size", image.Limits{}, func(m map[string]any) { first(m)["size"] = 1 << 62 }, plain(ok), exec.ErrImageTooBig},
		{"negative size", image.Limits{}, func(m map[string]any) { first(m)["size"] = -1 }, plain(ok), exec.ErrImageTooBig},
		{"wrong digest", image.Limits{}, func(m map[string]any) { first(m)["digest"] = sum([]byte("x")) }, plain(ok), exec.ErrImage},
		{"digest as path", image.Limits{}, func(m map[string]any) { first(m)["digest"] = "sha256:../../../etc/passwd" }, plain(ok), exec.ErrImage},
		{"foreign", image.Limits{}, func(m map[string]any) { first(m)["urls"] = []string{"http://x"} }, plain(ok), exec.ErrImage},
		{"many layers", image.Limits{}, func(m map[string]any) {
			m["layers"] = append(make([]any, 0, 129), repeat(m["layers"].([]any)[0], 129)...)
		}, plain(ok), exec.ErrImageTooBig},
		{"big manifest", image.Limits{}, func(m map[string]any) { m["x"] = strings.Repeat("x", 5<<20) }, plain(ok), exec.ErrImageTooBig},
		{"schema", image.Limits{}, func(m map[string]any) { m["schemaVersion"] = 1 }, plain(ok), exec.ErrImage},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, digest := craft(t, c.spoil, c.layer)
			dest, err := unpack(t, d, digest, c.lim)
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			outside, _ := os.ReadDir(filepath.Dir(dest))
			if len(outside) != 1 {
				t.Errorf("wrote outside: %v", outside)
			}
		})
	}
}

func first(m map[string]any) map[string]any { return m["layers"].([]any)[0].(map[string]any) }

func repeat(v any, n int) []any {
	all := make([]any, n)
	for i := range all {
		all[i] = v
	}
	return all
}

// A link within the image must not lead the unpacking out of it.
func TestUnpackThroughLinks(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	l := pack(t, symlink("abs", outside), symlink("rel", "../../../../../../../.."+outside), file("abs/x", "1"), file("rel/y", "2"))
	d, digest := craft(t, nil, plain(l))
	dest, err := unpack(t, d, digest, image.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if found, _ := os.ReadDir(outside); len(found) > 0 {
		t.Errorf("wrote outside: %v", found)
	}
	if _, err := os.Stat(filepath.Join(dest, outside, "x")); err != nil {
		t.Error(err)
	}
}

func TestLayoutBlobMayBeNoLink(t *testing.T) {
	t.Parallel()
	d, digest := craft(t, nil, plain(pack(t, file("a", "b"))))
	blob := filepath.Join(d, "blobs", "sha256", strings.TrimPrefix(digest, "sha256:"))
	raw, err := os.ReadFile(blob)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "manifest")
	if err := errors.Join(os.WriteFile(elsewhere, raw, 0o644), os.Remove(blob), os.Symlink(elsewhere, blob)); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if _, err := image.Open(d, digest, image.Limits{}); !errors.Is(err, exec.ErrImage) {
		t.Errorf("%v", err)
	}
}
