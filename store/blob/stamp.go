package blob

import (
	"context"
	"fmt"
	"os"
	"time"
)

// stamp is what the file system says of a file referenced in place. It changes
// with the bytes: even who sets the time back, or puts another file of the
// same size and time in its place, changes the inode or its own time (ctime).
// What is written through a mapping counts from when the system writes it
// back; Verify compares the bytes.
type stamp struct {
	ModTime int64  `json:"mtime,omitempty"` // in nanoseconds since 1970
	CTime   int64  `json:"ctime,omitempty"` // of the inode, 0 where there is none
	Inode   uint64 `json:"inode,omitempty"`
}

// coarse is how far apart two changes can be and yet bear the same time.
const coarse = 20 * time.Millisecond

// settled waits until a later change of f must show in its stamp, and returns
// the stamp and the size.
func settled(ctx context.Context, f *os.File) (stamp, int64, error) {
	for {
		st, err := f.Stat()
		if err != nil {
			return stamp{}, 0, err
		}
		p, err := stampOf(f, st)
		if err != nil {
			return stamp{}, 0, err
		}
		age := time.Since(time.Unix(0, max(p.CTime, p.ModTime)))
		if age > coarse || age < 0 { // of a clock that was set back, nothing is known
			return p, st.Size(), nil
		}
		select {
		case <-ctx.Done():
			return stamp{}, 0, ctx.Err()
		case <-time.After(coarse - age + time.Millisecond):
		}
	}
}

// same compares an open file with what was recorded of it. A record of an
// earlier version has no inode and no ctime. Errors: ErrChanged.
func (p stamp) same(f *os.File, size uint64) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	now, err := stampOf(f, st)
	if err != nil {
		return err
	}
	if uint64(st.Size()) != size || now.ModTime != p.ModTime || (p.Inode != 0 && now != p) {
		return fmt.Errorf("%w: %s", ErrChanged, f.Name())
	}
	return nil
}
