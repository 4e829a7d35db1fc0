package image

import (
	"archive/tar"
	"errors"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// tree applies the entries of one layer to a folder. All file operations go
// through os.Root, which cannot leave the folder whatever links lie in it. It
// remembers names by their hashes: a million long names would be a bomb.
type tree struct {
	root   *os.Root
	seed   maphash.Seed
	mine   map[uint64]bool // names of this layer, which its whiteouts spare
	hidden map[uint64]bool // names whose lower layers are hidden already
	steps  *int64          // what may still be spent on walking, by all layers
	last   *place          // of the last entry: most have neighbours
}

// newTree begins a layer. It takes what it spends from steps.
func newTree(root *os.Root, steps *int64) *tree {
	return &tree{
		root: root, seed: maphash.MakeSeed(), mine: map[uint64]bool{}, hidden: map[uint64]bool{}, steps: steps,
	}
}

func (t *tree) close() { t.forget() }

func (t *tree) put(h *tar.Header, content io.Reader) error {
	if err := checkEntry(h); err != nil {
		return err
	}
	clean, err := cleanName(h.Name)
	if err != nil || clean == "." {
		return err
	}
	dir, base := path.Dir(clean), path.Base(clean)
	if hidden, ok := strings.CutPrefix(base, whiteoutPrefix); ok {
		t.forget()
		if dir, err = t.resolve(dir); err != nil {
			return err
		}
		if base == whiteoutOpaque {
			return t.clear(dir)
		}
		return t.hide(path.Join(dir, hidden))
	}
	at, err := t.locate(dir)
	if err != nil {
		return err
	}
	t.mine[t.sum(path.Join(at.name, base))] = true
	return t.write(at, base, h, content)
}

func (t *tree) write(at *place, base string, h *tar.Header, content io.Reader) error {
	switch h.Typeflag {
	case tar.TypeDir:
		return t.mkdir(at, base, h)
	case tar.TypeReg, tar.TypeGNUSparse:
		return t.file(at, base, h, content)
	case tar.TypeSymlink:
		return t.replace(at, base, func(d *os.Root) error { return d.Symlink(h.Linkname, base) })
	case tar.TypeLink:
		return t.link(at, base, h)
	}
	return nil // no device of a stranger's choosing exists in a sandbox
}

func (t *tree) mkdir(at *place, base string, h *tar.Header) error {
	d := at.root
	if info, err := d.Lstat(base); err == nil && !info.IsDir() {
		t.forgetUnless(info, at)
		if err := d.Remove(base); err != nil {
			return err
		}
	}
	if err := d.Mkdir(base, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.Chmod(base, readable(h.FileInfo().Mode())|0o755)
}

func (t *tree) file(at *place, base string, h *tar.Header, content io.Reader) error {
	return t.replace(at, base, func(d *os.Root) error {
		f, err := d.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		// The mode is set on the open file: a name could have been swapped.
		err = errors.Join(err, f.Chmod(readable(h.FileInfo().Mode())), f.Close())
		if err != nil {
			return err
		}
		return d.Chtimes(base, h.ModTime, h.ModTime)
	})
}

func (t *tree) link(at *place, base string, h *tar.Header) error {
	clean, err := cleanName(h.Linkname)
	if err != nil {
		return err
	}
	dir, err := t.resolve(path.Dir(clean))
	if err != nil {
		return err
	}
	target, name := path.Join(dir, path.Base(clean)), path.Join(at.name, base)
	if target == name {
		return bad("a link to itself")
	}
	return t.replace(at, base, func(*os.Root) error { return t.root.Link(target, name) })
}

// replace removes what has the name and makes it anew.
func (t *tree) replace(at *place, base string, create func(*os.Root) error) error {
	if info, err := at.root.Lstat(base); err == nil {
		t.forgetUnless(info, at)
		if err := at.root.RemoveAll(base); err != nil {
			return err
		}
	}
	return create(at.root)
}

// readable gives everybody the owner's right to read and execute, drops every
// right to write but the owner's, and with it all special bits.
func readable(m fs.FileMode) fs.FileMode {
	own := m.Perm() & 0o700
	pass := own & 0o500
	return own | pass>>3 | pass>>6
}

func (t *tree) sum(name string) uint64 { return maphash.String(t.seed, name) }
