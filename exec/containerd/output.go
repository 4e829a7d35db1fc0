//go:build linux

package containerd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// maxOutEntries bounds the files and folders of a result, in /out itself and
// when it is copied.
const maxOutEntries = 100_000

var (
	errOutTooBig = errors.New("the result is larger than the disk limit")
	errOutKind   = errors.New("the result holds what is neither a file nor a folder")
)

// collect copies a result from a dead task's /out to dest. Files and folders
// only; what a link points to is never looked at. The sum of file lengths is
// bounded by limit: a sparse file counts in full, a hard link each time.
// Owners become ours and modes plain.
func collect(out, dest string, limit uint64) error {
	src, err := os.OpenRoot(out)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := os.MkdirAll(dest, 0o755); err != nil {
		return err
	}
	dst, err := os.OpenRoot(dest)
	if err != nil {
		return err
	}
	defer dst.Close()
	c := collector{src: src, dst: dst, bytes: limit, entries: maxOutEntries}
	return c.dir(".", 0)
}

type collector struct {
	src, dst *os.Root
	bytes    uint64
	entries  int
}

func (c *collector) dir(name string, depth int) error {
	if depth > 128 {
		return fmt.Errorf("%w: folders too deep", errOutTooBig)
	}
	d, err := c.src.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		batch, err := d.ReadDir(256)
		for _, e := range batch {
			if err := c.entry(path.Join(name, e.Name()), e.Type(), depth); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (c *collector) entry(name string, kind fs.FileMode, depth int) error {
	if c.entries--; c.entries < 0 {
		return fmt.Errorf("%w: more than %d entries", errOutTooBig, maxOutEntries)
	}
	switch {
	case kind.IsDir():
		if err := c.dst.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return c.dir(name, depth+1)
	case kind.IsRegular():
		return c.file(name)
	}
	return fmt.Errorf("%w: %.200q", errOutKind, name)
}

func (c *collector) file(name string) error {
	in, err := c.src.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %.200q", errOutKind, name)
	}
	if uint64(info.Size()) > c.bytes {
		return errOutTooBig
	}
	c.bytes -= uint64(info.Size())
	if err := c.dst.RemoveAll(name); err != nil {
		return err
	}
	out, err := c.dst.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.LimitReader(in, info.Size()))
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	return err
}
