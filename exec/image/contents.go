package image

import (
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"infernet.tech/infernet/exec"
)

// Contents is what an image consists of, as far as it is in one folder. An
// index's digest holds whether all that it names is here or not, so platforms
// and attestations may be missing; what is here is whole.
type Contents struct {
	Root      ocispec.Descriptor   // of the index or the manifest
	Platforms []Platform           // what it runs on, at least one
	Absent    []string             // what its index names and the folder lacks
	Blobs     []ocispec.Descriptor // all of it, each once, the root first
}

// Platform is one machine that an image is made for.
type Platform struct {
	Name   string // as in linux/arm64; its parts are a stranger's, made printable
	Digest string // of the manifest
}

// Inspect looks at the image of this digest in a layout folder: it verifies
// indexes, manifests and configs, and sees that each other blob is there and of
// the size told. Layers are for Unpack and Verify to read. Errors are as of
// Open, but the image may be for any machine that runs Linux.
func Inspect(dir, digest string, lim Limits) (Contents, error) {
	return blobs{dir: dir}.contents(digest, lim.WithDefaults(DefaultLimits()))
}

func (b blobs) contents(root string, lim Limits) (Contents, error) {
	s := survey{blobs: b, lim: lim}
	all, err := s.look(ocispec.Descriptor{Digest: digest.Digest(root), Size: anySize}, 0)
	if err != nil {
		return Contents{}, err
	}
	if len(all.Platforms) == 0 {
		return Contents{}, errors.Join(bad("nothing of the image runs on Linux and is whole"), ErrPlatform, s.lacks)
	}
	seen := map[digest.Digest]bool{}
	room := lim.CompressedBytes + int64(lim.Manifests)*lim.ManifestBytes
	unique := all.Blobs[:0:0]
	for _, d := range all.Blobs {
		if seen[d.Digest] {
			continue
		}
		seen[d.Digest] = true
		unique = append(unique, d)
		if d.Size > room {
			return Contents{}, fmt.Errorf("%w: blobs of more than %d bytes", exec.ErrImageTooBig, lim.CompressedBytes)
		}
		room -= d.Size
	}
	all.Blobs, all.Root = unique, unique[0]
	return all, nil
}

// anySize stands for a size that nobody has told.
const anySize = -1

// survey goes through an image. It counts documents wherever they are named
// again, or indexes within indexes would multiply.
type survey struct {
	blobs
	lim       Limits
	documents int
	lacks     error // the first thing missing
}

func (s *survey) look(d ocispec.Descriptor, depth int) (Contents, error) {
	if s.documents++; s.documents > s.lim.Manifests+maxDepth+1 {
		return Contents{}, fmt.Errorf("%w: more than %d manifests", exec.ErrImageTooBig, s.lim.Manifests)
	}
	doc, err := s.document(d.Digest.String(), s.lim)
	if err != nil {
		return Contents{}, err
	}
	if size := int64(len(doc.raw)); d.Size != anySize && d.Size != size {
		return Contents{}, bad("manifest %s is %d bytes, not %d", d.Digest, size, d.Size)
	}
	self := ocispec.Descriptor{MediaType: doc.mediaType(), Digest: d.Digest, Size: int64(len(doc.raw))}
	if !doc.index {
		return s.manifest(self, doc, isImage(d))
	}
	if depth > maxDepth {
		return Contents{}, bad("index within index within index")
	}
	all := Contents{Blobs: []ocispec.Descriptor{self}}
	for _, c := range doc.Manifests {
		switch c.MediaType {
		case ocispec.MediaTypeImageIndex, dockerIndex, ocispec.MediaTypeImageManifest, dockerManifest, "":
		default:
			continue // of a kind not known here: the digest holds without it
		}
		if c.Size < 0 {
			return Contents{}, bad("a manifest of %d bytes", c.Size)
		}
		part, err := s.look(c, depth+1)
		if absent(err) {
			s.lack(&all, c, err)
			continue
		}
		if err != nil {
			return Contents{}, err
		}
		all.Blobs = append(all.Blobs, part.Blobs...)
		all.Platforms = append(all.Platforms, part.Platforms...)
		all.Absent = append(all.Absent, part.Absent...)
	}
	return all, nil
}

func (s *survey) lack(all *Contents, d ocispec.Descriptor, err error) {
	if !isImage(d) {
		return
	}
	if s.lacks == nil {
		s.lacks = err
	}
	name := d.Digest.String()
	if d.Platform != nil {
		name = platformName(*d.Platform)
	}
	all.Absent = append(all.Absent, name)
}

// manifest takes an image for Linux by its rules, and anything else, which is
// never run here, as so many bytes.
func (s *survey) manifest(self ocispec.Descriptor, doc document, image bool) (Contents, error) {
	m := doc.manifest()
	all := Contents{Blobs: append([]ocispec.Descriptor{self, m.Config}, m.Layers...)}
	if image {
		config, err := s.config(m.Config, s.lim)
		if err != nil {
			return all, err
		}
		if (&Layout{Config: config}).isLinux() {
			if _, err := s.open(self.Digest.String(), self.Digest.String(), s.lim); err != nil {
				return all, err
			}
			all.Platforms = []Platform{{platformName(config.Platform), self.Digest.String()}}
		}
	}
	if len(m.Layers) > s.lim.Layers {
		return all, fmt.Errorf("%w: %d layers, at most %d", exec.ErrImageTooBig, len(m.Layers), s.lim.Layers)
	}
	for _, d := range all.Blobs[1:] {
		size, err := s.size(d.Digest.String())
		if err == nil && size != d.Size {
			err = bad("blob %s is %d bytes, not %d", d.Digest, size, d.Size)
		}
		if err == nil && foreign(d) {
			err = fmt.Errorf("%w: layer %s is foreign: %w", exec.ErrImage, d.Digest, errElsewhere)
		}
		if err != nil {
			return all, err
		}
	}
	return all, nil
}
