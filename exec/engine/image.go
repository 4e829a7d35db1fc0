package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/image"
)

// ImageName is what jobs call the default engine.
const ImageName = "infernet/llm"

// BuildImage writes the default engine's image into dir as an OCI layout and
// returns it. A layout that is there already is replaced; anything else in dir
// is refused with ErrNotAnImage. The digest depends on the engine's Programs
// alone, on each of them. Errors also wrap ErrNotBuilt.
func BuildImage(dir string) (exec.Image, error) {
	bins, err := Programs()
	if err != nil {
		return exec.Image{}, err
	}
	return buildImage(dir, bins)
}

func buildImage(dir string, bins []string) (exec.Image, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return exec.Image{}, err
	}
	if err := checkReplaceable(dir); err != nil {
		return exec.Image{}, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return exec.Image{}, err
	}
	// Written beside and renamed, so that a reader never meets half an image.
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".engine-*")
	if err != nil {
		return exec.Image{}, err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := os.Chmod(tmp, 0o755); err != nil {
		return exec.Image{}, err
	}
	digest, err := image.WriteLayout(tmp, spec(bins))
	if err != nil {
		return exec.Image{}, fmt.Errorf("engine: write image: %w", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return exec.Image{}, err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return exec.Image{}, err
	}
	return exec.Image{Digest: digest, Layout: dir}, nil
}

// programName is what the engine is called in its image, wherever it came from.
const programName = "infernet-llm"

// spec describes an image of one or two static programs and nothing else.
func spec(bins []string) image.Spec {
	files := map[string]image.File{programName: {Mode: 0o755, Path: bins[0]}}
	if len(bins) > 1 {
		files[programName+fastSuffix] = image.File{Mode: 0o755, Path: bins[1]}
	}
	return image.Spec{
		Files:      files,
		Entrypoint: []string{"/" + programName},
		Env:        []string{"HOME=/tmp"},
		WorkDir:    "/",
		Name:       ImageName,
		// Without arguments it answers a batch; as an engine it serves.
		Labels: map[string]string{
			LabelEngine: "1", LabelServe: "unix", LabelArgs: `["--serve","unix:` + exec.SocketPath + `"]`,
			LabelCan: strings.Join(adapters["infernet"].Capabilities, ","),
		},
	}
}

// checkReplaceable refuses to remove what is not an image layout.
func checkReplaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotAnImage, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, ocispec.ImageLayoutFile)); err != nil {
		return fmt.Errorf("%w: %s", ErrNotAnImage, dir)
	}
	return nil
}
