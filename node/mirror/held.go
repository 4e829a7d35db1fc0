package mirror

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"infernet.tech/infernet/exec/image"
)

// held is an image in use by a request, and what belongs to it.
type held struct {
	Image
	contents *image.Contents
}

// blob finds a blob of the image.
func (h held) blob(digest string) (ocispec.Descriptor, bool) {
	i := slices.IndexFunc(h.contents.Blobs, func(d ocispec.Descriptor) bool { return d.Digest.String() == digest })
	if i < 0 {
		return ocispec.Descriptor{}, false
	}
	return h.contents.Blobs[i], true
}

// manifest finds an index or manifest of the image.
func (h held) manifest(digest string) (ocispec.Descriptor, bool) {
	d, ok := h.blob(digest)
	return d, ok && (strings.Contains(d.MediaType, "manifest") || strings.Contains(d.MediaType, "index"))
}

func (m *Mirror) byName(ctx context.Context, rep repo, ref Ref) (held, error) {
	img, err := m.images.ByName(ctx, ref)
	if err != nil {
		return held{}, err
	}
	return m.hold(rep, img)
}

func (m *Mirror) byDigest(ctx context.Context, rep repo, digest string) (held, error) {
	img, err := m.images.ByDigest(ctx, digest)
	if err == nil && img.Digest != digest {
		img.release()
		err = fmt.Errorf("mirror: asked for %s and given %.80q", digest, img.Digest)
	}
	if err != nil {
		return held{}, err
	}
	return m.hold(rep, img)
}

// hold looks at an image as far as it is not known already.
func (m *Mirror) hold(rep repo, img Image) (held, error) {
	contents := m.known.contents(img)
	if contents == nil {
		c, err := image.Inspect(img.Dir, img.Digest, image.Limits{})
		if err != nil {
			img.release()
			return held{}, err
		}
		contents = &c
	}
	m.known.add(rep.path, img, contents)
	return held{img, contents}, nil
}

// What is remembered, at most. An image may have thousands of blobs.
const (
	maxRepos    = 256
	maxOfRepo   = 8
	maxContents = 32
)

// known remembers which images were asked for under which name: a request for a
// layer says no more than the repository's name.
type known struct {
	mu    sync.Mutex
	repos []knownRepo     // the newest last
	seen  []knownContents // the newest last
}

type knownRepo struct {
	path    string
	digests []string // the newest last
}

type knownContents struct {
	dir, digest string
	contents    *image.Contents
}

// images lists the digests asked for under a name, the newest first, but for
// those known not to have the blob.
func (k *known) images(path, blob string) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.repos, func(r knownRepo) bool { return r.path == path })
	if i < 0 {
		return nil
	}
	var out []string
	for _, d := range slices.Backward(k.repos[i].digests) {
		lacks := slices.ContainsFunc(k.seen, func(s knownContents) bool {
			_, has := held{contents: s.contents}.blob(blob)
			return s.digest == d && !has
		})
		if !lacks {
			out = append(out, d)
		}
	}
	return out
}

func (k *known) contents(img Image) *image.Contents {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.seen {
		if s.dir == img.Dir && s.digest == img.Digest {
			return s.contents
		}
	}
	return nil
}

func (k *known) add(path string, img Image, contents *image.Contents) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := knownRepo{path: path}
	k.repos = slices.DeleteFunc(k.repos, func(o knownRepo) bool {
		if o.path == path {
			r = o
		}
		return o.path == path
	})
	r.digests = slices.DeleteFunc(r.digests, func(d string) bool { return d == img.Digest })
	r.digests = last(append(r.digests, img.Digest), maxOfRepo)
	k.repos = last(append(k.repos, r), maxRepos)
	k.seen = slices.DeleteFunc(k.seen, func(s knownContents) bool { return s.dir == img.Dir && s.digest == img.Digest })
	k.seen = last(append(k.seen, knownContents{img.Dir, img.Digest, contents}), maxContents)
}

// last returns the newest n of a list.
func last[T any](list []T, n int) []T { return slices.Clone(list[max(0, len(list)-n):]) }
