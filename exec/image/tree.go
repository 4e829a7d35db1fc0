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

// maxLinks bounds the symbolic links followed for one name, as Linux does.
const maxLinks = 40

// tree applies the entries of one layer to a folder. All file operations go
// through os.Root, which cannot leave the folder whatever links lie in it. It
// remembers names by their hashes: a million long names would be a bomb.
type tree struct {
	root   *os.Root
	seed   maphash.Seed
	mine   map[uint64]bool // names of this layer, which its whiteouts spare
	hidden map[uint64]bool // names whose lower layers are hidden already
}

func newTree(root *os.Root) *tree {
	return &tree{root: root, seed: maphash.MakeSeed(), mine: map[uint64]bool{}, hidden: map[uint64]bool{}}
}

func (t *tree) put(h *tar.Header, content io.Reader) error {
	if err := checkEntry(h); err != nil {
		return err
	}
	name, err := t.locate(h.Name)
	if err != nil {
		return err
	}
	if name == "." {
		return nil
	}
	dir, base := path.Split(name)
	if base == whiteoutOpaque {
		return t.clear(path.Clean(dir))
	}
	if hidden, ok := strings.CutPrefix(base, whiteoutPrefix); ok {
		return t.hide(path.Join(dir, hidden))
	}
	if dir != "" {
		if err := t.root.MkdirAll(path.Clean(dir), 0o755); err != nil {
			return err
		}
	}
	t.mine[t.sum(name)] = true
	return t.write(name, h, content)
}

func (t *tree) write(name string, h *tar.Header, content io.Reader) error {
	switch h.Typeflag {
	case tar.TypeDir:
		return t.mkdir(name, h)
	case tar.TypeReg, tar.TypeGNUSparse:
		return t.file(name, h, content)
	case tar.TypeSymlink:
		return t.replace(name, func() error { return t.root.Symlink(h.Linkname, name) })
	case tar.TypeLink:
		target, err := t.locate(h.Linkname)
		if err != nil {
			return err
		}
		if target == name {
			return bad("a link to itself")
		}
		return t.replace(name, func() error { return t.root.Link(target, name) })
	}
	return nil // no device of a stranger's choosing exists in a sandbox
}

func (t *tree) mkdir(name string, h *tar.Header) error {
	if info, err := t.root.Lstat(name); err == nil && !info.IsDir() {
		if err := t.root.Remove(name); err != nil {
			return err
		}
	}
	if err := t.root.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return t.root.Chmod(name, readable(h.FileInfo().Mode())|0o755)
}

func (t *tree) file(name string, h *tar.Header, content io.Reader) error {
	return t.replace(name, func() error {
		f, err := t.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		// The mode is set on the open file: a name could have been swapped.
		if cerr := f.Chmod(readable(h.FileInfo().Mode())); err == nil {
			err = cerr
		}
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
		return t.root.Chtimes(name, h.ModTime, h.ModTime)
	})
}

// replace removes what has the name and makes it anew.
func (t *tree) replace(name string, create func() error) error {
	if err := t.root.RemoveAll(name); err != nil {
		return err
	}
	return create()
}

// readable gives everybody the owner's right to read and execute, drops every
// right to write but the owner's, and with it all special bits.
func readable(m fs.FileMode) fs.FileMode {
	own := m.Perm() & 0o700
	pass := own & 0o500
	return own | pass>>3 | pass>>6
}

func (t *tree) sum(name string) uint64 { return maphash.String(t.seed, name) }

// hide takes away what lower layers have put under a name. Once is enough for
// a layer: it adds nothing to those below.
func (t *tree) hide(name string) error {
	if t.hidden[t.sum(name)] {
		return nil
	}
	t.hidden[t.sum(name)] = true
	return t.remove(name)
}

// clear hides all that lower layers have put into a folder.
func (t *tree) clear(dir string) error {
	key := t.sum(dir + "/")
	if t.hidden[key] {
		return nil
	}
	t.hidden[key] = true
	info, err := t.root.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = t.removeBelow(dir)
	return err
}

// remove removes a name of lower layers, and of a folder what is not this
// layer's.
func (t *tree) remove(name string) error {
	info, err := t.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if t.mine[t.sum(name)] {
			return nil
		}
		return t.root.Remove(name)
	}
	left, err := t.removeBelow(name)
	if err != nil || left || t.mine[t.sum(name)] {
		return err
	}
	return t.root.Remove(name)
}

// removeBelow tells whether anything stayed in the folder.
func (t *tree) removeBelow(dir string) (left bool, err error) {
	d, err := t.root.Open(dir)
	if err != nil {
		return false, err
	}
	names, err := d.Readdirnames(-1)
	d.Close()
	if err != nil {
		return false, err
	}
	for _, n := range names {
		n = path.Join(dir, n)
		if err := t.remove(n); err != nil {
			return false, err
		}
		if _, err := t.root.Lstat(n); err == nil {
			left = true
		}
	}
	return left, nil
}

// locate turns an entry's name into a path with no link among its folders. An
// absolute link means the image's root. A name that climbs out is refused.
func (t *tree) locate(name string) (string, error) {
	clean, err := cleanName(name)
	if err != nil {
		return "", err
	}
	todo := strings.Split(clean, "/")
	done, links := ".", 0
	for len(todo) > 1 {
		part := todo[0]
		todo = todo[1:]
		if part == "" || part == "." {
			continue
		}
		if part == ".." {
			done = path.Dir(done)
			continue
		}
		next := path.Join(done, part)
		info, err := t.root.Lstat(next)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			done = next // missing folders are made later
			continue
		}
		target, err := t.root.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return "", bad("name %.200q goes through too many links", name)
		}
		if path.IsAbs(target) {
			done = "."
		}
		todo = append(strings.Split(strings.Trim(target, "/"), "/"), todo...)
	}
	return path.Join(done, todo[0]), nil
}
