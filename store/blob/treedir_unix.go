//go:build linux || darwin

package blob

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// dirHandle is an open folder. What it opens is an entry of that folder and
// nothing behind a link, whatever is renamed or linked meanwhile. It does what
// os.Root does for names of one element, in fewer calls: most of the work on a
// small file is finding it.
type dirHandle struct{ f *os.File }

// openDir opens a folder; the path may lead over links, as a person naming it
// expects.
func openDir(path string) (dirHandle, error) {
	return openDirAt(unix.AT_FDCWD, path, path, 0)
}

func openDirAt(fd int, name, path string, flag int) (dirHandle, error) {
	fd, err := openAt(fd, name, unix.O_DIRECTORY|flag)
	if err != nil {
		return dirHandle{}, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return dirHandle{os.NewFile(uintptr(fd), path)}, nil
}

func openAt(dir int, name string, flag int) (fd int, err error) {
	err = uninterrupted(func() error {
		fd, err = unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC|flag, 0)
		return err
	})
	return fd, err
}

// uninterrupted repeats what a signal interrupts, as package os does.
func uninterrupted(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// list returns at most n entries.
func (d dirHandle) list(n int) ([]os.DirEntry, error) { return d.f.ReadDir(n) }

// sub opens a folder in d.
func (d dirHandle) sub(name string) (dirHandle, error) {
	return openDirAt(int(d.f.Fd()), name, d.path(name), unix.O_NOFOLLOW)
}

func (d dirHandle) path(name string) string { return filepath.Join(d.f.Name(), name) }

func (d dirHandle) close() error { return d.f.Close() }

// open opens a regular file in d and tells its size. What was a file when the
// folder was listed may be something else by now.
func (d dirHandle) open(name string) (*os.File, int64, error) {
	fd, size, err := d.openRaw(name)
	if err != nil {
		return nil, 0, err
	}
	return os.NewFile(uintptr(fd), d.path(name)), size, nil
}

func (d dirHandle) openRaw(name string) (fd int, size int64, err error) {
	fd, err = openAt(int(d.f.Fd()), name, unix.O_NOFOLLOW|unix.O_NONBLOCK)
	if err != nil {
		return 0, 0, &os.PathError{Op: "open", Path: d.path(name), Err: err}
	}
	var st unix.Stat_t
	err = uninterrupted(func() error { return unix.Fstat(fd, &st) })
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = fmt.Errorf("%w: it is no file any more", ErrFileType)
	}
	if err != nil {
		return 0, 0, errors.Join(err, unix.Close(fd))
	}
	return fd, st.Size, nil
}

// read reads a small file into b, as many bytes as it has when it is opened.
// It returns a file that is longer than b, unread, instead.
func (d dirHandle) read(name string, b []byte) (n int, long *os.File, size int64, err error) {
	fd, size, err := d.openRaw(name)
	if err != nil {
		return 0, nil, 0, err
	}
	if size > int64(len(b)) {
		return 0, os.NewFile(uintptr(fd), d.path(name)), size, nil
	}
	for b = b[:size]; n < len(b); {
		var more int
		err = uninterrupted(func() error {
			more, err = unix.Read(fd, b[n:])
			return err
		})
		if err == nil && more == 0 {
			err = io.EOF // it became shorter
		}
		if err != nil {
			break
		}
		n += more
	}
	if errors.Is(err, io.EOF) {
		err = nil
	} else if err != nil {
		err = &os.PathError{Op: "read", Path: d.path(name), Err: err}
	}
	return n, nil, size, errors.Join(err, unix.Close(fd))
}
