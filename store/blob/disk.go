package blob

import (
	"errors"
	"fmt"
	"os"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/store"
)

// space turns the many words for a full disk into ErrNoSpace.
func space(err error) error {
	if err != nil && !errors.Is(err, ErrNoSpace) && (diskFull(err) || errors.Is(err, store.ErrNoSpace)) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

// syncFile brings what was written to f to the disk.
func (s *Store) syncFile(f *os.File) error {
	if err := s.fault("sync", f.Name()); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir makes new names in dir survive a power cut.
func (s *Store) syncDir(dir string) error {
	if err := s.fault("syncdir", dir); err != nil {
		return err
	}
	return syncDir(dir)
}

// publish gives a complete temporary file the name of c: the bytes reach the
// disk before the name does, and the name before any record that promises it.
// Files published at the same time share the sync of the folder.
func (s *Store) publish(f *os.File, c cid.Cid) error {
	err := f.Chmod(0o444)
	if err == nil {
		err = s.syncFile(f)
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = s.fault("rename", s.ownPath(c))
	}
	if err == nil {
		err = os.Rename(f.Name(), s.ownPath(c))
	}
	if err == nil {
		err = s.dirs.do(func() error { return s.syncDir(s.filesDir()) })
	}
	return space(err)
}
