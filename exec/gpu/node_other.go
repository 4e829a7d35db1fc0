//go:build !linux

package gpu

import "fmt"

// Sandboxes run on Linux only.
func nodeNumbers(path string) (major, minor int64, err error) {
	return 0, 0, fmt.Errorf("%w: no device nodes on this system: %s", ErrDriver, path)
}

func nodeAllowed(string) error { return nil }
