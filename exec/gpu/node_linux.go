package gpu

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// nodeNumbers returns the numbers of a character device, following no link:
// what hangs on a name in /dev must be the device itself.
func nodeNumbers(path string) (major, minor int64, err error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return 0, 0, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR {
		return 0, 0, fmt.Errorf("%w: %s is no character device", ErrDriver, path)
	}
	return int64(unix.Major(uint64(st.Rdev))), int64(unix.Minor(uint64(st.Rdev))), nil
}

// nodeAllowed tells whether this process may read and write a device.
func nodeAllowed(path string) error { return unix.Access(path, unix.R_OK|unix.W_OK) }
