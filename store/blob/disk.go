package blob

import (
	"errors"
	"fmt"
	"os"

	"infernet.tech/infernet/store"
)

// space turns the many words for a full disk into ErrNoSpace.
func space(err error) error {
	if err != nil && !errors.Is(err, ErrNoSpace) && (diskFull(err) || errors.Is(err, store.ErrNoSpace)) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

// publish gives a complete temporary file its final name: the bytes reach the
// disk before the name does, and the name before any record that promises it.
func publish(f *os.File, to, dir string) error {
	err := errors.Join(f.Chmod(0o444), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), to)
	}
	if err == nil {
		err = syncDir(dir)
	}
	return space(err)
}
