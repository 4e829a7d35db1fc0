package node

import (
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"infernet.tech/infernet/node/api"
)

// reading turns counts of bytes that were read into progress, for additions
// and verifications. It is safe for concurrent use; what it tells comes one by
// one.
type reading struct {
	mu    sync.Mutex
	to    func(api.AddProgress)
	p     api.AddProgress
	last  time.Time
	bytes uint64 // at last
}

// readTold is how often progress is told, and a speed measured.
const readTold = 200 * time.Millisecond

// newReading tells to how far total bytes are; nil when nobody listens.
func newReading(stage string, total uint64, to func(api.AddProgress)) *reading {
	if to == nil {
		return nil
	}
	return &reading{to: to, p: api.AddProgress{Stage: stage, Total: total}, last: time.Now()}
}

// read counts n bytes more.
func (r *reading) read(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.p.Bytes += uint64(n)
	now := time.Now()
	passed := now.Sub(r.last)
	if passed < readTold && (r.p.Total == 0 || r.p.Bytes < r.p.Total) {
		return
	}
	if passed >= readTold {
		speed := float64(r.p.Bytes-r.bytes) / passed.Seconds()
		if r.p.Speed > 0 {
			speed = (3*r.p.Speed + speed) / 4 // the last second counts for most of it
		}
		r.p.Speed, r.last, r.bytes = speed, now, r.p.Bytes
	}
	r.to(r.p)
}

// onRead is read for blob.AddOptions, nil for a nil reading.
func (r *reading) onRead() func(int) {
	if r == nil {
		return nil
	}
	return r.read
}

// bytesBelow is how many bytes a file, or the files of a folder, have. It need
// not be exact: what cannot be read is not counted.
func bytesBelow(path string) (n uint64) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // as adding follows the link that is named
	}
	_ = filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			n += uint64(info.Size())
		}
		return nil
	})
	return n
}
