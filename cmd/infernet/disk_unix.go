//go:build !windows

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// diskFree is how many bytes this user may still write at a path.
func diskFree(path string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, fmt.Errorf("look at disk of %s: %w", path, err)
	}
	return st.Bavail * uint64(st.Bsize), nil
}
