package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"infernet.tech/infernet/exec"
)

// dockerList names the images of an archive of docker save.
const dockerList = "manifest.json"

// dockerSaved is one image of that list.
type dockerSaved struct {
	Config   string
	RepoTags list[string]
	Layers   list[string]
}

// adoptDocker writes a manifest over the config and layers of one image of
// docker save. Equal images get equal manifests.
func (in importer) adoptDocker(ctx context.Context, from blobs) (Imported, error) {
	saved, err := dockerImages(from, in.Limits)
	if err != nil {
		return Imported{}, err
	}
	all := make([]choice, len(saved))
	for i, s := range saved {
		all[i] = choice{digest: s.id(), names: s.RepoTags}
	}
	one, err := pick(all, in.Choose)
	if err != nil {
		return Imported{}, err
	}
	s := saved[slices.IndexFunc(all, func(c choice) bool { return c.digest == one.digest && slices.Equal(c.names, one.names) })]
	if len(s.Layers) > in.Limits.Layers {
		return Imported{}, fmt.Errorf("%w: %d layers, at most %d", exec.ErrImageTooBig, len(s.Layers), in.Limits.Layers)
	}
	raw, err := from.member(s.Config, in.Limits.ManifestBytes)
	if err != nil {
		return Imported{}, err
	}
	config, err := in.w.bytes(ocispec.MediaTypeImageConfig, raw)
	if err != nil {
		return Imported{}, err
	}
	layers := []ocispec.Descriptor{}
	for _, name := range s.Layers {
		d, err := in.takeLayer(ctx, from, name)
		if err != nil {
			return Imported{}, err
		}
		layers = append(layers, d)
	}
	root, err := in.w.json(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: layers,
	})
	if err != nil {
		return Imported{}, err
	}
	names := make([]string, len(s.RepoTags))
	for i, n := range s.RepoTags {
		names[i] = familiar(n)
	}
	return in.finish(ctx, root, names)
}

// dockerImages reads the list of images. Images of one config and the same
// layers are one image with the tags of all.
func dockerImages(from blobs, lim Limits) ([]dockerSaved, error) {
	raw, err := from.member(dockerList, lim.ManifestBytes)
	if err != nil {
		return nil, err
	}
	var listed list[dockerSaved]
	if err := json.Unmarshal(raw, &listed); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", exec.ErrImage, dockerList, err)
	}
	var all []dockerSaved
	for _, s := range listed {
		i := slices.IndexFunc(all, func(o dockerSaved) bool { return o.Config == s.Config && slices.Equal(o.Layers, s.Layers) })
		if i < 0 {
			all = append(all, s)
			continue
		}
		all[i].RepoTags = append(all[i].RepoTags, s.RepoTags...)
	}
	return all, nil
}

// id is what docker calls the image: the digest of its config, which names the
// config's file. It chooses and proves nothing.
func (s dockerSaved) id() string {
	id := "sha256:" + strings.TrimSuffix(path.Base(s.Config), ".json")
	if digest.Digest(id).Validate() != nil {
		return s.Config
	}
	return id
}

// member reads a small file of the archive.
func (b blobs) member(name string, limit int64) ([]byte, error) {
	p, err := b.memberPath(name)
	if err != nil {
		return nil, err
	}
	return readFile(p, limit)
}

func (b blobs) memberPath(name string) (string, error) {
	followed, err := b.follow(name)
	if err != nil {
		return "", err
	}
	p := filepath.Join(b.dir, filepath.FromSlash(followed))
	if _, err := regular(p); err != nil {
		return "", bad("the archive lacks %.200q", name)
	}
	return p, nil
}

// takeLayer copies a layer under its digest.
func (in importer) takeLayer(ctx context.Context, from blobs, name string) (ocispec.Descriptor, error) {
	p, err := from.memberPath(name)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	f, err := openRegular(p)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer f.Close()
	z, mediaType, err := decompress(f)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("%w: layer %.80q: %w", exec.ErrImage, name, err)
	}
	z.Close()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return ocispec.Descriptor{}, err
	}
	return in.w.blob(mediaType, func(out io.Writer) error {
		_, err := io.Copy(out, newTap(ctx, f, nil))
		return err
	})
}
