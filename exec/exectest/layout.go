package exectest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/image"
)

// Build builds a static Linux program from a Go package path and returns where
// it lies. The test fails if it cannot.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "program")
	cmd := osexec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return bin
}

// Layout builds the image of exectest/program.
func Layout(t testing.TB) exec.Image {
	t.Helper()
	return Pack(t, Build(t, "infernet.tech/infernet/exec/exectest/program"))
}

// Pack makes an image with nothing in it but this static program.
func Pack(t testing.TB, program string) exec.Image {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	digest, err := image.WriteLayout(dir, image.Spec{
		Files:      map[string]image.File{"program": {Mode: 0o755, Path: program}},
		Entrypoint: []string{"/program"},
		Env:        []string{"FROM_IMAGE=yes", "LD_PRELOAD=/evil.so", "NVIDIA_VISIBLE_DEVICES=all"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return exec.Image{Digest: digest, Layout: dir}
}

// Index adds an index to an image's layout that names manifests by processor,
// whether they are there or not, and returns the image by the index's digest.
func Index(t testing.TB, img exec.Image, manifests map[string]string) exec.Image {
	t.Helper()
	var list []map[string]any
	for arch, digest := range manifests {
		size := int64(1)
		if info, err := os.Stat(filepath.Join(img.Layout, "blobs", "sha256", strings.TrimPrefix(digest, "sha256:"))); err == nil {
			size = info.Size()
		}
		list = append(list, map[string]any{
			"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": size,
			"platform": map[string]string{"os": "linux", "architecture": arch},
		})
	}
	raw, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": list,
	})
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(raw))
	if err := os.WriteFile(filepath.Join(img.Layout, "blobs", "sha256", sum), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return exec.Image{Digest: "sha256:" + sum, Layout: img.Layout}
}
