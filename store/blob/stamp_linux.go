package blob

import (
	"os"
	"syscall"
)

func stampOf(_ *os.File, st os.FileInfo) (stamp, error) {
	p := stamp{ModTime: st.ModTime().UnixNano()}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		p.CTime, p.Inode = sys.Ctim.Nano(), sys.Ino
	}
	return p, nil
}
