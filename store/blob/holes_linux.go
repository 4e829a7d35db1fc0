package blob

import (
	"os"

	"golang.org/x/sys/unix"
)

// dataAfter finds the next extent of a sparse file that has data, at or after
// at. Where the file system does not tell, all of it is data.
func dataAfter(f *os.File, at, end uint64) (from, to uint64) {
	data, err := unix.Seek(int(f.Fd()), int64(at), unix.SEEK_DATA)
	if err == unix.ENXIO {
		return end, end
	}
	if err != nil || data < 0 {
		return at, end
	}
	hole, err := unix.Seek(int(f.Fd()), data, unix.SEEK_HOLE)
	if err != nil || hole <= data {
		return uint64(data), end
	}
	return uint64(data), uint64(hole)
}
