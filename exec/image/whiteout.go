package image

import (
	"errors"
	"io/fs"
	"path"
)

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
	if err := t.step(name); err != nil {
		return err
	}
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
