package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"infernet.tech/infernet/exec"
)

// Options tell Import what to take.
type Options struct {
	Limits Limits
	// Choose says which image is meant where there are several: one of its
	// names, or its digest. Empty means that there must be one.
	Choose string
}

// Imported is an image that was taken in.
type Imported struct {
	exec.Image          // the digest of its index or manifest, and the new layout
	Names      []string // what it was called where it came from, such as app:v1
	Contents   Contents
}

// Import makes an OCI layout of one image in destDir, which must be empty or
// missing, out of a layout folder or an archive: a packed layout, or what
// `docker save` writes. The archive and its layers may be plain, gzip or zstd.
//
// An image of many platforms is kept with all that are there, and an OCI image
// keeps its digest; attestations below its index stay, those beside it go. The
// same image from elsewhere gives the same folder, byte for byte. All platforms
// are read to their end, so that what a provider would refuse is refused here.
// Errors wrap exec.ErrImage or exec.ErrImageTooBig, and ErrSeveral; destDir is
// left empty then.
func Import(ctx context.Context, path, destDir string, o Options) (Imported, error) {
	o.Limits = o.Limits.WithDefaults(DefaultLimits())
	info, err := os.Stat(path)
	if err != nil {
		return Imported{}, fmt.Errorf("%w: %w", exec.ErrImage, err)
	}
	if err := emptyDir(destDir); err != nil {
		return Imported{}, err
	}
	in := importer{w: layoutWriter{dir: destDir}, Options: o}
	var img Imported
	if info.IsDir() {
		in.keep = true
		img, err = in.adopt(ctx, blobs{dir: path})
	} else {
		img, err = in.archive(ctx, path)
	}
	if err != nil {
		clearDir(destDir)
		return Imported{}, err
	}
	return img, nil
}

// LayoutFromTar is Import of an archive with one image.
func LayoutFromTar(ctx context.Context, tarPath, destDir string, lim Limits) (exec.Image, error) {
	img, err := Import(ctx, tarPath, destDir, Options{Limits: lim})
	return img.Image, err
}

type importer struct {
	Options
	w    layoutWriter
	keep bool // blobs are somebody's own: they are copied, not moved
}

func (in importer) archive(ctx context.Context, tarPath string) (Imported, error) {
	tmp, err := os.MkdirTemp(in.w.dir, ".archive-")
	if err != nil {
		return Imported{}, err
	}
	defer os.RemoveAll(tmp)
	a, err := explode(ctx, tarPath, tmp, in.Limits)
	if err != nil {
		return Imported{}, err
	}
	switch {
	case a.has(ocispec.ImageIndexFile) && a.has(ocispec.ImageLayoutFile):
		return in.adopt(ctx, a.blobs)
	case a.has(dockerList):
		return in.adoptDocker(ctx, a.blobs)
	}
	return Imported{}, bad("the archive holds neither an OCI layout nor what docker save writes")
}

// adopt takes one image of a layout.
func (in importer) adopt(ctx context.Context, from blobs) (Imported, error) {
	top, err := from.top(in.Limits)
	if err != nil {
		return Imported{}, err
	}
	all := top.choices()
	if len(all) > 1 && flat(all) && in.Choose == "" {
		// The list of platforms is index.json itself: it becomes a blob.
		root := digest.FromBytes(top.raw).String()
		from.memory = map[string][]byte{root: top.raw}
		return in.take(ctx, from, choice{digest: root, names: all[0].names})
	}
	one, err := pick(all, in.Choose)
	if err != nil {
		return Imported{}, err
	}
	return in.take(ctx, from, one)
}

// take moves what belongs to an image, and verifies it where it then lies.
func (in importer) take(ctx context.Context, from blobs, what choice) (Imported, error) {
	contents, err := from.contents(what.digest, in.Limits)
	if err != nil {
		return Imported{}, err
	}
	for _, d := range contents.Blobs {
		if err := in.takeBlob(ctx, from, d.Digest.String()); err != nil {
			return Imported{}, err
		}
	}
	return in.finish(ctx, contents.Root, what.names)
}

func (in importer) finish(ctx context.Context, root ocispec.Descriptor, names []string) (Imported, error) {
	if err := in.w.index(root, ""); err != nil {
		return Imported{}, err
	}
	b := blobs{dir: in.w.dir}
	contents, err := b.contents(root.Digest.String(), in.Limits)
	if err != nil {
		return Imported{}, err
	}
	if err := b.verify(ctx, contents, in.Limits); err != nil {
		return Imported{}, err
	}
	return Imported{
		Image: exec.Image{Digest: root.Digest.String(), Layout: in.w.dir}, Names: names, Contents: contents,
	}, nil
}

func (in importer) takeBlob(ctx context.Context, from blobs, d string) error {
	dest, err := blobs{dir: in.w.dir}.path(d)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
		return err
	}
	if raw, ok := from.memory[d]; ok {
		return os.WriteFile(dest, raw, 0o644)
	}
	src, err := from.path(d)
	if err != nil {
		return err
	}
	if !in.keep && os.Rename(src, dest) == nil {
		return nil
	}
	if err := os.Link(src, dest); err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return copyFile(ctx, src, dest)
}

func copyFile(ctx context.Context, src, dest string) error {
	in, err := openRegular(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(dest, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, newTap(ctx, in, nil))
	return errors.Join(err, out.Close())
}
