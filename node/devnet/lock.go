package devnet

import (
	"fmt"
	"os"
	"path/filepath"
)

// Lock makes a file for this process alone, until unlock removes it or the
// process ends, in whatever way. It does not wait: ErrBusy when another holds
// it.
func Lock(path string) (unlock func(), err error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("devnet: %w", err)
		}
		if err := tryLock(f); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("%w: %s", err, path)
		}
		// Who held it before may have removed it since it was opened.
		mine, err1 := f.Stat()
		there, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			return func() {
				_ = os.Remove(path)
				_ = f.Close()
			}, nil
		}
		_ = f.Close()
	}
}

// lockDir makes the folder's network this process's own to start or stop.
func lockDir(dir string) (unlock func(), err error) {
	return Lock(filepath.Join(dir, "devnet.lock"))
}
