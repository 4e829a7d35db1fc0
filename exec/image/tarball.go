package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"infernet.tech/infernet/exec"
)

// LayoutFromTar makes an OCI layout in destDir, which must be empty or
// missing, from an archive: a packed OCI layout, or what `docker save` writes.
// The archive and its layers may be plain, gzip or zstd. The layers are read
// to their end, so that an archive which would be refused by a provider is
// refused here. An OCI image keeps its digest. Errors wrap exec.ErrImage or
// exec.ErrImageTooBig; destDir is left empty then.
func LayoutFromTar(ctx context.Context, tarPath, destDir string, lim Limits) (exec.Image, error) {
	lim = lim.WithDefaults(DefaultLimits())
	if err := emptyDir(destDir); err != nil {
		return exec.Image{}, err
	}
	img, err := layoutFromTar(ctx, tarPath, destDir, lim)
	if err != nil {
		clearDir(destDir)
		return exec.Image{}, err
	}
	return img, nil
}

func layoutFromTar(ctx context.Context, tarPath, destDir string, lim Limits) (exec.Image, error) {
	tmp, err := os.MkdirTemp(destDir, ".archive-")
	if err != nil {
		return exec.Image{}, err
	}
	defer os.RemoveAll(tmp)
	a, err := explode(ctx, tarPath, tmp, lim)
	if err != nil {
		return exec.Image{}, err
	}
	defer a.root.Close()
	w := layoutWriter{dir: destDir}
	var manifest string
	if a.has(ocispec.ImageIndexFile) && a.has(ocispec.ImageLayoutFile) {
		manifest, err = w.adoptOCI(tmp, lim)
	} else if a.has("manifest.json") {
		manifest, err = w.adoptDocker(a, lim)
	} else {
		err = bad("the archive holds neither an OCI layout nor what docker save writes")
	}
	if err != nil {
		return exec.Image{}, err
	}
	l, err := Open(destDir, manifest, lim)
	if err != nil {
		return exec.Image{}, err
	}
	return exec.Image{Digest: manifest, Layout: destDir}, l.Verify(ctx)
}

// archive is an exploded archive: its regular files by name, and its links.
type archive struct {
	root  *os.Root
	links map[string]string
}

func (a *archive) has(name string) bool {
	info, err := a.root.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// explode writes the regular files of an archive below dir. Symbolic links are
// only remembered: docker save uses them between layers.
func explode(ctx context.Context, tarPath, dir string, lim Limits) (*archive, error) {
	file, err := os.Open(tarPath)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", exec.ErrImage, err)
	}
	defer file.Close()
	plain, _, err := decompress(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", exec.ErrImage, err)
	}
	defer plain.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	a := &archive{root: root, links: map[string]string{}}
	// The archive's bytes are its layers as they lie; a ratio says nothing here.
	m := &meter{lim: Limits{Bytes: lim.CompressedBytes + 16*lim.ManifestBytes, Entries: 16*lim.Layers + 64}}
	m.lim.Ratio, m.compressed = 1, m.lim.Bytes
	if err := readArchive(newTap(ctx, plain, m.addStream), m, a); err != nil {
		if errors.Is(err, exec.ErrImageTooBig) || errors.Is(err, exec.ErrImage) || ctx.Err() != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", exec.ErrImage, err)
	}
	a.root, err = os.OpenRoot(dir)
	return a, err
}

func (a *archive) put(h *tar.Header, content io.Reader) error {
	name := path.Clean(strings.TrimPrefix(h.Name, "./"))
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return bad("name %.200q leads out of the archive", h.Name)
	}
	switch h.Typeflag {
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return nil
	case tar.TypeSymlink, tar.TypeLink:
		target := h.Linkname
		if h.Typeflag == tar.TypeSymlink {
			target = path.Join(path.Dir(name), target)
		}
		a.links[name] = path.Clean(target)
		return nil
	case tar.TypeReg:
	default:
		return bad("entry type %q", h.Typeflag)
	}
	if err := a.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := a.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// open opens a file of the archive, through at most a few of its links.
func (a *archive) open(name string) (*os.File, error) {
	name = path.Clean(name)
	for range 8 {
		target, ok := a.links[name]
		if !ok {
			break
		}
		name = target
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) || !a.has(name) {
		return nil, bad("the archive lacks %.200q", name)
	}
	return a.root.Open(name)
}

// adoptOCI moves the blobs of one image of an exploded layout.
func (w layoutWriter) adoptOCI(from string, lim Limits) (string, error) {
	l, err := Open(from, "", lim)
	if err != nil {
		return "", err
	}
	blobs := filepath.Join(w.dir, ocispec.ImageBlobsDir, "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return "", err
	}
	names := []string{l.Digest, l.Manifest.Config.Digest.String()}
	for _, d := range l.Manifest.Layers {
		names = append(names, d.Digest.String())
	}
	for _, n := range names {
		src, err := l.blobPath(n)
		if err != nil {
			return "", err
		}
		// An image may name one layer twice: the second time it has moved.
		err = os.Rename(src, filepath.Join(blobs, filepath.Base(src)))
		if _, moved := os.Lstat(filepath.Join(blobs, filepath.Base(src))); err != nil && moved != nil {
			return "", bad("the archive lacks blob %s", n)
		}
	}
	raw, err := os.Stat(filepath.Join(blobs, strings.TrimPrefix(l.Digest, "sha256:")))
	if err != nil {
		return "", err
	}
	return l.Digest, w.index(ocispec.Descriptor{
		MediaType: orElse(l.Manifest.MediaType, ocispec.MediaTypeImageManifest),
		Digest:    digest.Digest(l.Digest), Size: raw.Size(),
	}, "")
}

// dockerSaved is one element of docker save's manifest.json.
type dockerSaved struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// adoptDocker writes a manifest over the config and layers of docker save.
func (w layoutWriter) adoptDocker(a *archive, lim Limits) (string, error) {
	var saved []dockerSaved
	raw, err := a.small("manifest.json", lim)
	if err != nil {
		return "", err
	}
	if err := json.Unmarshal(raw, &saved); err != nil || len(saved) != 1 {
		return "", bad("the archive holds %d images, not one", len(saved))
	}
	if len(saved[0].Layers) > lim.Layers {
		return "", fmt.Errorf("%w: %d layers, at most %d", exec.ErrImageTooBig, len(saved[0].Layers), lim.Layers)
	}
	raw, err = a.small(saved[0].Config, lim)
	if err != nil {
		return "", err
	}
	config, err := w.blob(ocispec.MediaTypeImageConfig, func(out io.Writer) error {
		_, err := out.Write(raw)
		return err
	})
	if err != nil {
		return "", err
	}
	var layers []ocispec.Descriptor
	for _, name := range saved[0].Layers {
		d, err := w.adoptLayer(a, name)
		if err != nil {
			return "", err
		}
		layers = append(layers, d)
	}
	name := ""
	if len(saved[0].RepoTags) > 0 {
		name = saved[0].RepoTags[0]
	}
	return w.finishManifest(config, layers, name)
}

func (a *archive) small(name string, lim Limits) ([]byte, error) {
	f, err := a.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, lim.ManifestBytes+1))
	if err == nil && int64(len(raw)) > lim.ManifestBytes {
		err = fmt.Errorf("%w: %.80q beyond %d bytes", exec.ErrImageTooBig, name, lim.ManifestBytes)
	}
	return raw, err
}

func (w layoutWriter) adoptLayer(a *archive, name string) (ocispec.Descriptor, error) {
	f, err := a.open(name)
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
	return w.blob(mediaType, func(out io.Writer) error {
		_, err := io.Copy(out, f)
		return err
	})
}

// clearDir empties a folder of ours as well as it can after a failure.
func clearDir(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return
	}
	for _, e := range entries {
		os.RemoveAll(filepath.Join(dir, e.Name()))
	}
}
