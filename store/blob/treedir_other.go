//go:build !linux && !darwin

package blob

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// dirHandle is an open folder. What it opens lies in that folder, whatever is
// renamed or linked meanwhile.
type dirHandle struct{ root *os.Root }

// openDir opens a folder.
func openDir(path string) (dirHandle, error) {
	root, err := os.OpenRoot(path)
	return dirHandle{root}, err
}

// list returns at most n entries.
func (d dirHandle) list(n int) ([]os.DirEntry, error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(n)
}

// sub opens a folder in d.
func (d dirHandle) sub(name string) (dirHandle, error) {
	root, err := d.root.OpenRoot(name)
	return dirHandle{root}, err
}

func (d dirHandle) close() error { return d.root.Close() }

// open opens a regular file in d and tells its size. What was a file when the
// folder was listed may be something else by now.
func (d dirHandle) open(name string) (*os.File, int64, error) {
	f, err := d.root.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s", ErrFileType, st.Mode().Type())
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, st.Size(), nil
}

// read reads a small file into b, as many bytes as it has when it is opened.
// It returns a file that is longer than b, unread, instead.
func (d dirHandle) read(name string, b []byte) (n int, long *os.File, size int64, err error) {
	f, size, err := d.open(name)
	if err != nil || size > int64(len(b)) {
		return 0, f, size, err
	}
	n, err = io.ReadFull(f, b[:size])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n, nil, size, errors.Join(err, f.Close())
}
