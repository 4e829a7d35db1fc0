//go:build unix

package chain

import (
	"fmt"
	"os"
)

// checkPrivate refuses any right of group or others: who can replace the key
// can have our money sent to another account.
func checkPrivate(path string, info os.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%w: %s has mode %04o, want 0600", ErrReadableByOthers, path, mode)
	}
	return nil
}
