//go:build linux

package containerd

import (
	"io/fs"
	"os"
	"syscall"
)

// forAll tells whether everybody may read an input: the file, or the folder
// and what lies directly in it. It looks no deeper, because it is part of
// every start. The owner is nil where the system does not tell.
func forAll(path string, info fs.FileInfo) (bool, *syscall.Stat_t) {
	owner, _ := info.Sys().(*syscall.Stat_t)
	if !readableByAll(info) {
		return false, owner
	}
	if !info.IsDir() {
		return true, owner
	}
	d, err := os.Open(path)
	if err != nil {
		return true, owner
	}
	defer d.Close()
	entries, _ := d.Readdir(256)
	for _, e := range entries {
		if !readableByAll(e) {
			return false, owner
		}
	}
	return true, owner
}

func readableByAll(info fs.FileInfo) bool {
	want := fs.FileMode(0o004)
	if info.IsDir() {
		want = 0o005
	}
	return info.Mode().Perm()&want == want
}
