package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Bounds of what is read of a result.
const (
	MaxEntries  = 100_000  // files and folders
	MaxDepth    = 64       // of folders
	MaxPath     = 4096     // bytes of one path
	MaxName     = 255      // bytes of the name of a file or folder: more no disk takes
	MaxDocument = 32 << 20 // bytes of a file that is read whole: JSON, CSV, an image
	MaxStream   = 16 << 30 // bytes of a file that is read in pieces

	maxPaths = 8 << 20 // bytes of all paths together
	batch    = 256     // entries of a folder asked for at once
)

// Entry is one file or folder of a result, with its path as fs.FS has them. A
// folder has the size -1.
type Entry struct {
	Path string
	Size int64 // bytes
}

// Folder tells whether it is one.
func (e Entry) Folder() bool { return e.Size < 0 }

// List lists a result, sorted by path: regular files and folders only, within
// the bounds above. Errors: ErrLarge and ErrMalformed where the result is to
// blame, anything else where reading failed.
func List(ctx context.Context, fsys fs.FS) ([]Entry, error) {
	l := lister{fsys: fsys}
	if err := l.folder(ctx, ".", 0); err != nil {
		return nil, err
	}
	slices.SortFunc(l.found, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return l.found, nil
}

type lister struct {
	fsys  fs.FS
	found []Entry
	bytes int
}

// folder reads a folder a few entries at a time: nobody knows yet how many it has.
func (l *lister) folder(ctx context.Context, dir string, depth int) error {
	if depth > MaxDepth {
		return fmt.Errorf("%w: folders %d deep", ErrLarge, depth)
	}
	f, err := l.fsys.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	d, ok := f.(fs.ReadDirFile)
	if !ok {
		return fmt.Errorf("%w: %.80q is no folder", ErrMalformed, dir)
	}
	for {
		some, err := d.ReadDir(batch)
		for _, e := range some {
			if err := l.entry(ctx, path.Join(dir, e.Name()), e, depth); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF) || err == nil && len(some) == 0:
			return nil
		case err != nil:
			return err
		}
	}
}

func (l *lister) entry(ctx context.Context, name string, e fs.DirEntry, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.bytes += len(name)
	switch {
	case len(l.found) >= MaxEntries || l.bytes > maxPaths:
		return fmt.Errorf("%w: more than %d entries", ErrLarge, len(l.found))
	case len(name) > MaxPath:
		return fmt.Errorf("%w: a path of %d bytes", ErrLarge, len(name))
	case !fs.ValidPath(name) || len(e.Name()) > MaxName || strings.IndexByte(e.Name(), 0) >= 0:
		// A task cannot have written that, whatever machine it ran on; here it
		// could not be written either.
		return fmt.Errorf("%w: path %.80q", ErrMalformed, name)
	case e.IsDir():
		l.found = append(l.found, Entry{Path: name, Size: -1})
		return l.folder(ctx, name, depth+1)
	case !e.Type().IsRegular():
		return fmt.Errorf("%w: %.80q is neither a file nor a folder", ErrMalformed, name)
	}
	info, err := e.Info()
	if err != nil {
		return err
	}
	l.found = append(l.found, Entry{Path: name, Size: max(0, info.Size())})
	return nil
}

// sameBytes compares two files byte for byte.
func sameBytes(ctx context.Context, a, b io.Reader) (bool, error) {
	ba, bb := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		na, ea := io.ReadFull(a, ba)
		nb, eb := io.ReadFull(b, bb)
		for _, err := range []error{ea, eb} {
			if err != nil && !ended(err) {
				return false, err
			}
		}
		if !bytes.Equal(ba[:na], bb[:nb]) {
			return false, nil
		}
		if ea != nil || eb != nil {
			return true, nil // equal in length as well: both pieces were
		}
	}
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// whole reads a file to its end. Errors: ErrLarge beyond MaxDocument.
func whole(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxDocument+1))
	if err == nil && len(raw) > MaxDocument {
		err = fmt.Errorf("%w: more than %d bytes", ErrLarge, MaxDocument)
	}
	return raw, err
}
