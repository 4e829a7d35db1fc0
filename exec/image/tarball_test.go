package image_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/image"
)

// packDir is the archive of a folder.
func packDir(t testing.TB, from string) []byte {
	t.Helper()
	var entries []entry
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(p)
		rel, _ := filepath.Rel(from, p)
		entries = append(entries, file("./"+filepath.ToSlash(rel), string(raw)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pack(t, entries...)
}

// dockerSave is what docker save wrote before it knew OCI layouts, with the
// second layer a link as it made them.
func dockerSave(t testing.TB, layerFile []byte, diff string) []byte {
	config, _ := json.Marshal(map[string]any{
		"os": "linux", "architecture": "amd64", "config": map[string]any{"Cmd": []string{"/a"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{diff, diff}},
	})
	manifest, _ := json.Marshal([]any{map[string]any{
		"Config": "abc.json", "RepoTags": []string{"demo:latest"}, "Layers": []string{"1/layer.tar", "2/layer.tar"},
	}})
	return pack(t, dir("1/"), file("1/VERSION", "1.0"), file("1/layer.tar", string(layerFile)),
		dir("2/"), symlink("2/layer.tar", "../1/layer.tar"),
		file("abc.json", string(config)), file("manifest.json", string(manifest)), file("repositories", "{}"))
}

func convert(t testing.TB, archive []byte, lim image.Limits) (exec.Image, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, archive, 0o644); err != nil {
		t.Fatal(err)
	}
	dest := filepath.Join(t.TempDir(), "layout")
	img, err := image.LayoutFromTar(t.Context(), path, dest, lim)
	if left, _ := os.ReadDir(dest); err != nil && len(left) > 0 {
		t.Errorf("failed and left %v", left)
	}
	return img, err
}

func TestLayoutFromTar(t *testing.T) {
	t.Parallel()
	raw := pack(t, file("a", "program"))
	oci, digest := craft(t, nil, layer{gz(t, raw), raw})
	packed := packDir(t, oci)
	docker := dockerSave(t, raw, sum(raw))
	for _, c := range []struct {
		name    string
		archive []byte
		digest  string
	}{
		{"oci", packed, digest},
		{"oci gzip", gz(t, packed), digest},
		{"oci zstd", zst(t, packed), digest},
		{"docker", docker, ""},
		{"docker gzip", gz(t, docker), ""},
		{"docker with packed layer", dockerSave(t, gz(t, raw), sum(raw)), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			img, err := convert(t, c.archive, image.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if c.digest != "" && img.Digest != c.digest {
				t.Errorf("digest %s became %s", c.digest, img.Digest)
			}
			dest, err := unpack(t, img.Layout, img.Digest, image.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(dest, "a")); err != nil || string(got) != "program" {
				t.Errorf("%q, %v", got, err)
			}
			if named, err := image.Open(img.Layout, "", image.Limits{}); err != nil || named.Digest != img.Digest {
				t.Errorf("the index names %v, %v", named, err)
			}
		})
	}
}

func TestLayoutFromTarRefuses(t *testing.T) {
	t.Parallel()
	zeros := pack(t, file("zeros", strings.Repeat("\x00", 64<<20)))
	bomb, _ := craft(t, nil, layer{gz(t, zeros), zeros})
	raw := pack(t, file("a", "b"))
	for _, c := range []struct {
		name    string
		archive []byte
		lim     image.Limits
		want    error
	}{
		{"empty", nil, image.Limits{}, exec.ErrImage},
		{"text", []byte("no archive at all"), image.Limits{}, exec.ErrImage},
		{"something else", pack(t, file("readme", "x")), image.Limits{}, exec.ErrImage},
		{"bomb inside", packDir(t, bomb), image.Limits{}, exec.ErrImageTooBig},
		{"bomb outside", gz(t, zeros), image.Limits{CompressedBytes: 1 << 20, ManifestBytes: 1 << 10}, exec.ErrImageTooBig},
		{"out of the archive", pack(t, file("../manifest.json", "[]")), image.Limits{}, exec.ErrImage},
		{"layer elsewhere", dockerLayer(t, "../../../etc/passwd"), image.Limits{}, exec.ErrImage},
		{"layer through a link", dockerLayer(t, "link"), image.Limits{}, exec.ErrImage},
		{"wrong diff id", dockerSave(t, raw, sum([]byte("x"))), image.Limits{}, exec.ErrImage},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := convert(t, c.archive, c.lim); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func dockerLayer(t testing.TB, name string) []byte {
	manifest, _ := json.Marshal([]any{map[string]any{"Config": "c.json", "Layers": []string{name}}})
	return pack(t, file("c.json", "{}"), symlink("link", "/etc/passwd"), file("manifest.json", string(manifest)))
}

// FuzzLayoutFromTar looks for archives that panic or escape.
func FuzzLayoutFromTar(f *testing.F) {
	raw := pack(f, file("a", "b"), symlink("l", "/"))
	f.Add(dockerSave(f, raw, sum(raw)))
	oci, _ := craft(f, nil, layer{gz(f, raw), raw})
	f.Add(packDir(f, oci))
	f.Add(gz(f, raw))
	f.Fuzz(func(t *testing.T, archive []byte) {
		img, err := convert(t, archive, image.Limits{Bytes: 1 << 20, CompressedBytes: 1 << 20, Entries: 100})
		if err != nil {
			return
		}
		if _, err := unpack(t, img.Layout, img.Digest, image.Limits{Bytes: 1 << 20, Entries: 100}); err != nil {
			t.Errorf("converted but cannot be unpacked: %v", err)
		}
	})
}
