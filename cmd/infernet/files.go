package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// readBounded reads a small file whole, without the white space around it.
// os.ErrNotExist when there is none.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if int64(len(raw)) > most {
		return nil, failf(exitRefused, "is it the file that is meant?", "%s has more than %d bytes", path, most)
	}
	return bytes.TrimSpace(raw), nil
}

// writeNew writes a file that must not exist.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// replaceFile writes a file that appears whole or not at all.
func replaceFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// emptyFolder is the absolute path of a folder to write into, made when it is
// not there; "" stays "". One that holds something is refused before any work.
func emptyFolder(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	dir, err := absolute(path)
	if err != nil {
		return "", err
	}
	held, err := os.ReadDir(dir)
	switch {
	case err == nil && len(held) > 0:
		return "", failf(exitConflict, "nothing is ever overwritten: choose another folder", "%s is not empty", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make folder: %w", err)
	}
	return dir, nil
}
