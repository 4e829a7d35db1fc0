package main

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// diskFree is how many bytes this user may still write at a path.
func diskFree(path string) (uint64, error) {
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, fmt.Errorf("look at disk of %s: %w", path, err)
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(p, &free, nil, nil); err != nil {
		return 0, fmt.Errorf("look at disk of %s: %w", path, err)
	}
	return free, nil
}
