package blob

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
)

// Export writes the file or folder c to dest, which must not exist and whose
// parent must. It appears there only when complete. Copies share their place on
// the disk with the store where the file system can do that, and are not synced
// to disk. Errors: ErrTooBig before anything is written, ErrName, ErrNotHave,
// ErrChanged, ErrCorrupt, ErrNoSpace, os.ErrExist.
func (s *Store) Export(ctx context.Context, c, dest string, lim Limits) error {
	id, err := parseCID(c)
	if err != nil {
		return err
	}
	defer s.use(id)()
	r, err := s.record(id)
	if err != nil {
		return err
	}
	lim = lim.withDefaults()
	if err := lim.check(r.Size, r.Entries); err != nil {
		return fmt.Errorf("%w: %d bytes, %d entries", err, r.Size, r.Entries)
	}
	if _, err := os.Lstat(dest); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(&os.PathError{Op: "export", Path: dest, Err: os.ErrExist}, err)
	}
	// Built in a folder of its own beside dest, so that the last step is one
	// rename on one file system.
	tmp, err := os.MkdirTemp(filepath.Dir(dest), ".export-")
	if err != nil {
		return space(err)
	}
	defer os.RemoveAll(tmp)
	e := &exporter{s: s, lim: lim}
	if err := e.put(ctx, id, filepath.Join(tmp, "x"), 0); err != nil {
		return space(err)
	}
	s.used(id)
	return os.Rename(filepath.Join(tmp, "x"), dest)
}

type exporter struct {
	s   *Store
	lim Limits
}

func (e *exporter) put(ctx context.Context, c cid.Cid, path string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := e.s.record(c)
	if err != nil {
		return err
	}
	if !r.Dir {
		return e.file(ctx, c, r, path)
	}
	if depth > e.lim.Depth {
		return fmt.Errorf("%w: folders deeper than %d", ErrTooBig, e.lim.Depth)
	}
	n, err := e.s.folder(c)
	if err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	for _, l := range n.links() {
		// The names were checked when the node was decoded. Two that a case-blind
		// file system takes for one fail here, because nothing is overwritten.
		if err := e.put(ctx, l.cid, filepath.Join(path, l.name), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (e *exporter) file(ctx context.Context, c cid.Cid, r record, path string) error {
	f, err := e.s.openFile(c, r)
	if err != nil {
		return err
	}
	defer f.Close()
	// A file in place has other names than the store's, so it is not linked.
	if e.lim.Link && f.f.Name() == e.s.ownPath(c) && os.Link(f.f.Name(), path) == nil {
		return nil
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(f.copyTo(ctx, out), out.Close())
}

// folder walks all nodes of a folder that is here. Errors: ErrCorrupt.
func (s *Store) folder(c cid.Cid) (*folderWalk, error) {
	w, err := readFolder(c, func(n cid.Cid) ([]byte, error) { return s.node(c, n) })
	if err != nil {
		return nil, fmt.Errorf("%w: folder %s: %w", ErrCorrupt, c, err)
	}
	return w, nil
}
