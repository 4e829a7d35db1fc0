package blob

import (
	"os"

	"golang.org/x/sys/unix"
)

// startWriteback has the system begin to write n bytes of f to the disk, so
// that the sync at the end finds little left to do.
func startWriteback(f *os.File, off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE) // only a hint
}

// clone makes to a copy of from that shares its place on the disk, where the
// file system can; false where it cannot.
func clone(to, from *os.File) bool {
	return unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) == nil
}
