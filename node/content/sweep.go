package content

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"infernet.tech/infernet/store/blob"
)

// staleAfter is how old what was being laid out must be to be left of a node
// that was killed.
const staleAfter = 24 * time.Hour

// sweepLayouts removes what was laid out of blobs that are gone: its links
// would keep their bytes on the disk for ever, where no quota counts them. What
// live work uses is not gone.
func (l *Library) sweepLayouts() error {
	var failed error
	for _, kind := range []string{"images", "files"} {
		dir := filepath.Join(l.dir, kind)
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		failed = errors.Join(failed, err)
		for _, e := range entries {
			if l.stale(e) {
				failed = errors.Join(failed, os.RemoveAll(filepath.Join(dir, e.Name())))
			}
		}
	}
	return failed
}

func (l *Library) stale(e fs.DirEntry) bool {
	if strings.HasPrefix(e.Name(), ".") {
		info, err := e.Info()
		return err == nil && time.Since(info.ModTime()) > staleAfter
	}
	_, err := l.blobs.Stat(e.Name())
	return errors.Is(err, blob.ErrNotHave)
}
