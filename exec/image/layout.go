package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"infernet.tech/infernet/exec"
)

// Media types of Docker's own, which say the same as those of OCI.
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// Layout is an image in a layout folder, its manifest and config verified. Its
// layers are verified while they are read.
type Layout struct {
	Digest   string // of the manifest
	Manifest ocispec.Manifest
	Config   ocispec.Image

	dir string
	lim Limits
}

// Open reads the image of this manifest digest from a layout folder and
// verifies manifest and config. An empty digest means the one image of the
// index that runs on Linux on this machine's architecture. Errors wrap
// exec.ErrImage or exec.ErrImageTooBig.
func Open(dir, manifest string, lim Limits) (*Layout, error) {
	l := &Layout{dir: dir, Digest: manifest, lim: lim.WithDefaults(DefaultLimits())}
	if manifest == "" {
		raw, err := l.readFile(filepath.Join(dir, ocispec.ImageIndexFile))
		if err != nil {
			return nil, err
		}
		if l.Digest, err = l.resolve(raw, 0); err != nil {
			return nil, err
		}
	}
	if err := l.readManifest(); err != nil {
		return nil, err
	}
	return l, l.check()
}

// resolve finds the manifest an index means; an index may hold indexes.
func (l *Layout) resolve(raw []byte, depth int) (string, error) {
	var index ocispec.Index
	if err := json.Unmarshal(raw, &index); err != nil {
		return "", bad("index: %v", err)
	}
	var found []ocispec.Descriptor
	for _, d := range index.Manifests {
		if runsHere(d.Platform) {
			found = append(found, d)
		}
	}
	if len(found) != 1 {
		return "", bad("index names %d images for linux/%s, not one", len(found), runtime.GOARCH)
	}
	d := found[0]
	switch d.MediaType {
	case ocispec.MediaTypeImageIndex, dockerIndex:
		if depth >= 2 {
			return "", bad("index within index within index")
		}
		inner, err := l.readBlob(d.Digest.String())
		if err != nil {
			return "", err
		}
		return l.resolve(inner, depth+1)
	case ocispec.MediaTypeImageManifest, dockerManifest, "":
		return d.Digest.String(), nil
	}
	return "", bad("index names a %.80q", d.MediaType)
}

// runsHere also refuses "unknown/unknown", the mark of attestations.
func runsHere(p *ocispec.Platform) bool {
	return p == nil || p.OS == "linux" && p.Architecture == runtime.GOARCH
}

func (l *Layout) readManifest() error {
	raw, err := l.readBlob(l.Digest)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &l.Manifest); err != nil {
		return bad("manifest: %v", err)
	}
	if raw, err = l.readBlob(l.Manifest.Config.Digest.String()); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &l.Config); err != nil {
		return bad("config: %v", err)
	}
	return nil
}

// check refuses what can be refused before a layer is read.
func (l *Layout) check() error {
	layers := l.Manifest.Layers
	switch {
	case l.Manifest.SchemaVersion != 2:
		return bad("manifest schema %d", l.Manifest.SchemaVersion)
	case len(layers) > l.lim.Layers:
		return fmt.Errorf("%w: %d layers, at most %d", exec.ErrImageTooBig, len(layers), l.lim.Layers)
	case len(layers) == 0:
		return bad("no layers")
	case len(l.Config.RootFS.DiffIDs) != len(layers):
		return bad("%d layers, %d diff ids", len(layers), len(l.Config.RootFS.DiffIDs))
	case l.Config.OS != "" && l.Config.OS != "linux":
		return bad("made for %.40q", l.Config.OS)
	}
	var total int64
	for _, d := range layers {
		if foreign(d) {
			return bad("layer %s is foreign: its bytes are elsewhere", d.Digest)
		}
		if d.Size < 0 || d.Size > l.lim.CompressedBytes-total {
			return fmt.Errorf("%w: layers of more than %d bytes", exec.ErrImageTooBig, l.lim.CompressedBytes)
		}
		total += d.Size
	}
	return nil
}

func foreign(d ocispec.Descriptor) bool {
	return len(d.URLs) > 0 || strings.Contains(d.MediaType, "foreign") || strings.Contains(d.MediaType, "nondistributable")
}

// blobPath is where a blob lies. The digest is checked first, because it
// becomes a file name.
func (l *Layout) blobPath(d string) (string, error) {
	dg := digest.Digest(d)
	if dg.Algorithm() != digest.SHA256 || dg.Validate() != nil {
		return "", bad("digest %.80q", d)
	}
	return filepath.Join(l.dir, ocispec.ImageBlobsDir, "sha256", dg.Encoded()), nil
}

// readBlob reads a small blob and verifies it.
func (l *Layout) readBlob(d string) ([]byte, error) {
	path, err := l.blobPath(d)
	if err != nil {
		return nil, err
	}
	raw, err := l.readFile(path)
	if err != nil {
		return nil, err
	}
	if got := digest.FromBytes(raw).String(); got != d {
		return nil, bad("blob %s has digest %s", d, got)
	}
	return raw, nil
}

func (l *Layout) readFile(path string) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(f, l.lim.ManifestBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", exec.ErrImage, err)
	}
	if n > l.lim.ManifestBytes {
		return nil, fmt.Errorf("%w: %s beyond %d bytes", exec.ErrImageTooBig, filepath.Base(path), l.lim.ManifestBytes)
	}
	return buf.Bytes(), nil
}

// openRegular opens plain files only: a link or a FIFO in a stranger's layout
// must not lead elsewhere or block.
func openRegular(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", exec.ErrImage, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", exec.ErrImage, err)
	}
	return f, nil
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", exec.ErrImage, fmt.Sprintf(format, args...))
}
