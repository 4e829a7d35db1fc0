package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"infernet.tech/infernet/exec"
)

// archive is an exploded archive: its regular files by name, and its links.
type archive struct {
	blobs
	root *os.Root
}

func (a *archive) has(name string) bool {
	name, err := a.follow(name)
	if err != nil {
		return false
	}
	_, err = regular(filepath.Join(a.dir, filepath.FromSlash(name)))
	return err == nil
}

// explode writes the regular files of an archive below dir. Links are only
// remembered: docker save uses them between layers, tar where a folder had them.
func explode(ctx context.Context, tarPath, dir string, lim Limits) (*archive, error) {
	file, err := openRegular(tarPath)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
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
	a := &archive{blobs: blobs{dir: dir, links: map[string]string{}}, root: root}
	m := &meter{lim: lim}
	m.lim.Bytes = lim.CompressedBytes + 16*lim.ManifestBytes
	m.lim.Entries = 4*lim.Layers + 64*lim.Manifests + 64
	m.addLayer(info.Size())
	if err := readArchive(newTap(ctx, plain, m.addStream), m, a); err != nil {
		if errors.Is(err, exec.ErrImageTooBig) || errors.Is(err, exec.ErrImage) || ctx.Err() != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", exec.ErrImage, err)
	}
	return a, nil
}

func (a *archive) close() {}

// maxMember is the longest name of a file that an image's archive needs.
const maxMember = 512

func (a *archive) put(h *tar.Header, content io.Reader) error {
	if len(h.Name) > maxMember || len(h.Linkname) > maxMember {
		return bad("a name of %d bytes", max(len(h.Name), len(h.Linkname)))
	}
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
