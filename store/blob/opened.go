package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/ipfs/go-cid"
)

// opened is the bytes of one file of the store, wherever they lie: a section
// of a plain file. Read and Seek are for one goroutine, ReadAt for many.
type opened struct {
	f    *os.File
	off  int64 // where the section begins in f
	size int64
	pos  int64 // of Read, in the section
	// shared says that others read from f too.
	shared bool
	// changed, when set, tells that bytes referenced in place are no longer
	// those that were added. It is asked after the bytes were read.
	changed func() error
	closed  func() error
}

// openFile opens the bytes of a file. Errors: ErrChanged, ErrCorrupt, ErrIsDir.
func (s *Store) openFile(c cid.Cid, r record) (*opened, error) {
	switch {
	case r.Dir:
		return nil, fmt.Errorf("%w: %s", ErrIsDir, c)
	case r.Pack != "":
		return s.openPacked(c, r)
	case r.Ref != "":
		return openReference(r)
	}
	f, st, err := openPlain(s.ownPath(c), ErrCorrupt)
	if err != nil {
		return nil, err
	}
	if uint64(st.Size()) != r.Size {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrCorrupt, f.Name()), f.Close())
	}
	return &opened{f: f, size: int64(r.Size), closed: f.Close}, nil
}

// openPlain opens a file that must be there, or else the store is wrong.
func openPlain(path string, wrong error) (*os.File, os.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|nonblock, 0) // what was a file may be a pipe now
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: %s is gone", wrong, path)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("blob: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, st, nil
}

// openReference opens a file of the user's, unless it has changed.
func openReference(r record) (*opened, error) {
	f, st, err := openPlain(r.Ref, ErrChanged)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrChanged, r.Ref), f.Close())
	}
	changed := func() error { return r.same(f, r.Size) }
	if err := changed(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &opened{f: f, size: int64(r.Size), changed: changed, closed: f.Close}, nil
}

// openPacked opens a file in a pack. If the pack is gone, it was rewritten
// since r was read, or made a file of its own.
func (s *Store) openPacked(c cid.Cid, r record) (*opened, error) {
	for {
		p, err := s.packs.get(r.Pack)
		if err == nil {
			if r.Off+int64(r.Size) > p.length() {
				return nil, errors.Join(fmt.Errorf("%w: %s is short", ErrCorrupt, p.f.Name()), s.packs.put(p))
			}
			closed := sync.OnceValue(func() error { return s.packs.put(p) })
			return &opened{f: p.f, off: r.Off, size: int64(r.Size), shared: true, closed: closed}, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("blob: %w", err)
		}
		now, err := s.record(c)
		if err != nil {
			return nil, err
		}
		if now.Pack == "" {
			return s.openFile(c, now)
		}
		if now.Pack == r.Pack {
			return nil, fmt.Errorf("%w: %s is gone", ErrCorrupt, s.packPath(r.Pack))
		}
		r = now
	}
}

// Size is the number of bytes.
func (o *opened) Size() int64 { return o.size }

// check tells whether the bytes read so far were those of the CID as far as
// the file system knows. Errors: ErrChanged.
func (o *opened) check() error {
	if o.changed == nil {
		return nil
	}
	return o.changed()
}

// ReadAt implements io.ReaderAt. Errors: ErrChanged beside those of the disk.
func (o *opened) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, os.ErrInvalid
	}
	if off >= o.size {
		return 0, io.EOF
	}
	short := int64(len(p)) > o.size-off
	if short {
		p = p[:o.size-off]
	}
	n, err := o.f.ReadAt(p, o.off+off)
	if changed := o.check(); changed != nil {
		return 0, changed
	}
	if err == nil && short {
		err = io.EOF
	}
	if errors.Is(err, io.EOF) && n < len(p) {
		err = io.ErrUnexpectedEOF // the plain file ends before its content does
	}
	return n, err
}

// Read implements io.Reader.
func (o *opened) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := o.ReadAt(p, o.pos)
	o.pos += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// Seek implements io.Seeker.
func (o *opened) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		off += o.pos
	case io.SeekEnd:
		off += o.size
	}
	if off < 0 || whence < io.SeekStart || whence > io.SeekEnd {
		return 0, os.ErrInvalid
	}
	o.pos = off
	return off, nil
}

// copyStep is how many bytes are copied between two looks whether to go on.
const copyStep = 16 << 20

// copyTo writes all bytes to an empty file, if it can without copying them.
// Read must not have been called.
func (o *opened) copyTo(ctx context.Context, out *os.File) error {
	if o.shared { // with a position that others have, and small
		_, err := io.CopyN(out, io.NewSectionReader(o.f, o.off, o.size), o.size)
		return err
	}
	if clone(out, o.f) {
		return o.check()
	}
	for left := o.size; left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(out, o.f, min(left, copyStep))
		if changed := o.check(); changed != nil {
			return changed
		}
		if err != nil {
			return err
		}
		left -= n
	}
	return nil
}

// Close implements io.Closer.
func (o *opened) Close() error { return o.closed() }
