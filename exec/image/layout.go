package image

import (
	"errors"
	"fmt"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"infernet.tech/infernet/exec"
)

// Layout is an image in a layout folder as this machine runs it, its manifest
// and config verified. Its layers are verified while they are read.
type Layout struct {
	// Digest names the image: that of its index where it has one, else of its
	// manifest.
	Digest string
	// ManifestDigest is that of the one manifest for this machine.
	ManifestDigest string
	Manifest       ocispec.Manifest
	Config         ocispec.Image // without its history

	blobs blobs
	lim   Limits
}

// Open reads the image of this digest from a layout folder and verifies its
// manifest and config. Of an index it takes the manifest for Linux on this
// machine's processor; a manifest is taken as it is. An empty digest means the
// one image that the folder's index.json names. Errors wrap exec.ErrImage or
// exec.ErrImageTooBig, and ErrPlatform or ErrSeveral.
func Open(dir, digest string, lim Limits) (*Layout, error) {
	lim = lim.WithDefaults(DefaultLimits())
	b := blobs{dir: dir}
	if digest == "" {
		var err error
		if digest, err = b.only(lim); err != nil {
			return nil, err
		}
	}
	manifest, err := b.forMachine(digest, thisMachine(), lim)
	if err != nil {
		return nil, err
	}
	return b.open(digest, manifest, lim)
}

// forMachine returns the digest of the manifest that a machine takes.
func (b blobs) forMachine(digest string, machine ocispec.Platform, lim Limits) (string, error) {
	doc, err := b.document(digest, lim)
	if err != nil || !doc.index {
		return digest, err
	}
	all, err := b.children(doc, lim, 0)
	if err != nil {
		return "", err
	}
	return choose(all, machine)
}

// open reads one manifest and its config, and refuses what can be refused
// before a layer is read.
func (b blobs) open(image, manifest string, lim Limits) (*Layout, error) {
	l := &Layout{Digest: image, ManifestDigest: manifest, blobs: b, lim: lim}
	doc, err := b.document(manifest, lim)
	if err != nil {
		return nil, err
	}
	if doc.index {
		return nil, bad("an index where a manifest should be")
	}
	l.Manifest = doc.manifest()
	if l.Config, err = b.config(l.Manifest.Config, lim); err != nil {
		return nil, err
	}
	return l, l.check()
}

// top reads the folder's index.json, which no digest covers.
func (b blobs) top(lim Limits) (document, error) {
	name, err := b.follow(ocispec.ImageIndexFile)
	if err != nil {
		return document{}, err
	}
	raw, err := readFile(filepath.Join(b.dir, filepath.FromSlash(name)), lim.ManifestBytes)
	if err != nil {
		return document{}, err
	}
	doc, err := parseDocument(raw)
	if err == nil && !doc.index {
		err = bad("index.json is no index")
	}
	doc.raw = raw
	return doc, err
}

func (b blobs) document(digest string, lim Limits) (document, error) {
	raw, err := b.read(digest, lim.ManifestBytes)
	if err != nil {
		return document{}, err
	}
	doc, err := parseDocument(raw)
	doc.raw = raw
	return doc, err
}

func (b blobs) config(d ocispec.Descriptor, lim Limits) (ocispec.Image, error) {
	raw, err := b.read(d.Digest.String(), lim.ManifestBytes)
	if err != nil {
		return ocispec.Image{}, err
	}
	return parseConfig(raw)
}

func (l *Layout) check() error {
	layers := l.Manifest.Layers
	switch {
	case len(layers) > l.lim.Layers:
		return fmt.Errorf("%w: %d layers, at most %d", exec.ErrImageTooBig, len(layers), l.lim.Layers)
	case len(layers) == 0:
		return bad("no layers")
	case !l.isLinux():
		return errors.Join(bad("made for %.40q", l.Config.OS), ErrPlatform)
	case len(l.Config.RootFS.DiffIDs) != len(layers):
		return bad("%d layers, %d diff ids", len(layers), len(l.Config.RootFS.DiffIDs))
	}
	var total int64
	for _, d := range layers {
		if foreign(d) {
			return fmt.Errorf("%w: layer %.80s is foreign: %w", exec.ErrImage, d.Digest, errElsewhere)
		}
		if d.Size < 0 || d.Size > l.lim.CompressedBytes-total {
			return fmt.Errorf("%w: layers of more than %d bytes", exec.ErrImageTooBig, l.lim.CompressedBytes)
		}
		total += d.Size
	}
	return nil
}

func (l *Layout) isLinux() bool { return l.Config.OS == "" || l.Config.OS == "linux" }
