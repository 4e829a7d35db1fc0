package exectest

import (
	"os"
	osexec "os/exec"
	"path/filepath"
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
