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
	MaxDocument = 32 << 20 // bytes of a file that is read whole: JSON, CSV, an image
	MaxStream   = 16 << 30 // bytes of a file that is read in pieces

	maxPaths = 8 << 20 // bytes of all paths together
	batch    = 256     // entries of a folder asked for at once
)

// entry is one file or folder of a result. Folders have size -1.
type entry struct {
	path string
	size int64
}

func (e entry) folder() bool { return e.size < 0 }

// list lists a result, sorted by path. Errors: errLarge and errMalformed where the
// result is to blame, anything else where reading failed.
func list(ctx context.Context, fsys fs.FS) ([]entry, error) {
	l := lister{fsys: fsys}
	if err := l.folder(ctx, ".", 0); err != nil {
		return nil, err
	}
	slices.SortFunc(l.found, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	return l.found, nil
}

type lister struct {
	fsys  fs.FS
	found []entry
	bytes int
}

// folder reads a folder a few entries at a time: nobody knows yet how many it has.
func (l *lister) folder(ctx context.Context, dir string, depth int) error {
	if depth > MaxDepth {
		return fmt.Errorf("%w: folders %d deep", errLarge, depth)
	}
	f, err := l.fsys.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	d, ok := f.(fs.ReadDirFile)
	if !ok {
		return fmt.Errorf("%w: %.80q is no folder", errMalformed, dir)
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
		return fmt.Errorf("%w: more than %d entries", errLarge, len(l.found))
	case len(name) > MaxPath:
		return fmt.Errorf("%w: a path of %d bytes", errLarge, len(name))
	case !fs.ValidPath(name):
		return fmt.Errorf("%w: path %.80q", errMalformed, name)
	case e.IsDir():
		l.found = append(l.found, entry{path: name, size: -1})
		return l.folder(ctx, name, depth+1)
	case !e.Type().IsRegular():
		return fmt.Errorf("%w: %.80q is neither a file nor a folder", errMalformed, name)
	}
	info, err := e.Info()
	if err != nil {
		return err
	}
	l.found = append(l.found, entry{path: name, size: max(0, info.Size())})
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

// whole reads a file to its end. Errors: errLarge beyond MaxDocument.
func whole(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxDocument+1))
	if err == nil && len(raw) > MaxDocument {
		err = fmt.Errorf("%w: more than %d bytes", errLarge, MaxDocument)
	}
	return raw, err
}
