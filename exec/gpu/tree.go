package gpu

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Bounds of what is read from /proc and /sys.
const (
	maxAttr    = 4 << 10 // one attribute of sysfs, or a small file of /proc
	maxEntries = 4096    // names of one folder that are looked at
	maxLinks   = 40      // on the way to one file, as in the kernel
)

// resolve follows the links of an absolute slash path inside Root, and returns
// the real path as the machine itself sees it (without Root). No link leads
// out of Root. What a link points to need not exist.
func (h Host) resolve(name string) (string, error) {
	todo := strings.Split(path.Clean("/"+name), "/")
	at, links := "/", 0
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, part)
		target, err := os.Readlink(h.host(next))
		if err != nil {
			at = next // no link, or nothing at all: opening it tells
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%w: links in a ring at %.80q", ErrTooMuch, name)
		}
		target = filepath.ToSlash(target)
		if path.IsAbs(target) {
			at = "/"
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return at, nil
}

// host returns where a path of the machine is on this system.
func (h Host) host(name string) string {
	return filepath.Join(h.root(), filepath.FromSlash(name))
}

func (h Host) root() string {
	if h.Root == "" {
		return string(filepath.Separator)
	}
	return h.Root
}

// read returns a regular file of at most limit bytes; ErrTooMuch if longer. A
// pipe or a device put in its place is not opened for reading.
func (h Host) read(name string, limit int64) ([]byte, error) {
	real, err := h.resolve(name)
	if err != nil {
		return nil, err
	}
	at := h.host(real)
	if info, err := os.Lstat(at); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %.80q is no file", fs.ErrInvalid, name)
	}
	f, err := os.Open(at)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("%w: %.80q is longer than %d bytes", ErrTooMuch, name, limit)
	}
	return raw, err
}

// attr returns an attribute of sysfs as cleaned text; "" if there is none.
func (h Host) attr(name string) string {
	raw, err := h.read(name, maxAttr)
	if err != nil {
		return ""
	}
	return clean(string(raw), maxAttr)
}

// number returns an attribute as a number, in any base Go writes; false if it
// is missing or none.
func (h Host) number(name string) (uint64, bool) {
	n, err := strconv.ParseUint(h.attr(name), 0, 64)
	return n, err == nil
}

// names returns the names in a folder, sorted; none if it cannot be read.
func (h Host) names(dir string) []string {
	real, err := h.resolve(dir)
	if err != nil {
		return nil
	}
	at := h.host(real)
	if info, err := os.Lstat(at); err != nil || !info.IsDir() {
		return nil // opening a pipe would wait for its other end
	}
	f, err := os.Open(at)
	if err != nil {
		return nil
	}
	defer f.Close()
	names, err := f.Readdirnames(maxEntries)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	sortNatural(names)
	return names
}

func (h Host) isDir(name string) bool {
	real, err := h.resolve(name)
	if err != nil {
		return false
	}
	info, err := os.Lstat(h.host(real))
	return err == nil && info.IsDir()
}

// base returns the last element of what a link points to: the driver of a
// device, for one.
func (h Host) base(link string) string {
	real, err := h.resolve(link)
	if err != nil || !h.isDir(real) || path.Base(real) == path.Base(link) {
		return ""
	}
	return clean(path.Base(real), maxName)
}
