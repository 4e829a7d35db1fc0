//go:build unix && !linux

package blob

import (
	"os"

	"golang.org/x/sys/unix"
)

func stampOf(f *os.File, st os.FileInfo) (stamp, error) {
	p := stamp{ModTime: st.ModTime().UnixNano()}
	var sys unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &sys); err != nil {
		return p, err
	}
	p.CTime, p.Inode = sys.Ctim.Nano(), uint64(sys.Ino)
	return p, nil
}
