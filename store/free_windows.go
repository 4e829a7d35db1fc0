package store

import "golang.org/x/sys/windows"

// freeBytes is what the volume of dir still has for this user.
func freeBytes(dir string) (free uint64, ok bool) {
	p, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, false
	}
	return free, windows.GetDiskFreeSpaceEx(p, &free, nil, nil) == nil
}
