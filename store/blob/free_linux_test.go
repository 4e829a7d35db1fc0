package blob

import "golang.org/x/sys/unix"

// freeBytes is how much more a file system takes; 0 where that is not known.
func freeBytes(dir string) uint64 {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return 0
	}
	return st.Bavail * uint64(st.Bsize)
}
