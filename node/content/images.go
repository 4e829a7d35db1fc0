package content

import (
	"context"
	"os"
	"path/filepath"

	"infernet.tech/infernet/exec/image"
)

// ImageOptions says how an image is taken in.
type ImageOptions struct {
	Name    string // what it is called here; empty: as its archive calls it
	Choose  string // which image of an archive of several: a name or a digest
	Private bool   // not given to everybody, as images that a person adds are
}

// AddedImage is an image that was taken in.
type AddedImage struct {
	Entry            // by its first name
	Names   []string // all names that it has now
	Dropped []string // names of its archive that are none here
	image.Contents
}

// AddImageFile takes in an OCI layout folder or an archive, of docker save too,
// with all platforms that are there. Errors: those of image.Import.
func (l *Library) AddImageFile(ctx context.Context, path string, o ImageOptions) (AddedImage, error) {
	out, err := l.importImage(ctx, path, o)
	if err != nil {
		return out, err
	}
	names := out.Names
	out.Names = nil
	if err := l.shareAdded(out.Entry, o.Private); err != nil {
		return out, err
	}
	if o.Name != "" {
		names = []string{o.Name}
	}
	for _, name := range names {
		if CheckName(name) != nil {
			out.Dropped = append(out.Dropped, name)
			continue
		}
		e := out.Entry
		e.Name = name
		if err := l.Name(e); err != nil {
			return out, err
		}
		out.Names = append(out.Names, name)
	}
	if len(out.Names) > 0 {
		out.Name = out.Names[0]
	}
	return out, nil
}

// importImage verifies an image whole and stores it; Names are those that it
// has where it came from.
func (l *Library) importImage(ctx context.Context, path string, o ImageOptions) (AddedImage, error) {
	tmp, err := os.MkdirTemp(l.dir, ".image-")
	if err != nil {
		return AddedImage{}, err
	}
	defer os.RemoveAll(tmp)
	dest := filepath.Join(tmp, "layout")
	img, err := image.Import(ctx, path, dest, image.Options{Choose: o.Choose})
	if err != nil {
		return AddedImage{}, err
	}
	info, err := l.blobs.AddTree(ctx, dest)
	if err != nil {
		return AddedImage{}, err
	}
	out := AddedImage{
		Entry: Entry{Kind: Image, Digest: img.Digest, CID: info.CID, Size: info.Size, Dir: true},
		Names: img.Names, Contents: img.Contents,
	}
	return out, l.indexDigest(img.Digest, info.CID)
}
