//go:build unix

package identity

import (
	"fmt"
	"os"
)

// checkPrivate refuses any right of group or others. Write access matters as
// much as reading: who can replace the key can become the node.
func checkPrivate(path string, info os.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%w: %s has mode %04o, want 0600", ErrReadableByOthers, path, mode)
	}
	return nil
}

// syncDir makes a new name in dir outlive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("save key: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("save key: %w", err)
	}
	return nil
}
