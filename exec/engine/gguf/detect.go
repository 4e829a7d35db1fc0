package gguf

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
)

// Detect tells by its content what kind of model a path holds; a name proves
// nothing. Errors: ErrPickle, ErrFormat for all else that is no model, and
// those of the file system.
func Detect(path string) (Format, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		_, err := listFolder(path, Limits{}.filled())
		return Folder, err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%w: not a regular file", ErrFormat)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return DetectReader(f, info.Size())
}

// DetectReader is Detect of size bytes at hand.
func DetectReader(r io.ReaderAt, size int64) (Format, error) {
	head := make([]byte, 16)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	head = head[:n]
	switch {
	case len(head) >= 4 && binary.LittleEndian.Uint32(head) == magic:
		return GGUF, nil
	case isPickle(head), len(head) >= 4 && string(head[:4]) == "PK\x03\x04" && holdsPickle(r, size):
		return "", ErrPickle
	case isSafetensors(head, size):
		return Safetensors, nil
	}
	return "", ErrFormat
}

// isPickle knows the opcode PROTO that begins each pickle since protocol 2
// (2003), and what may follow it: older ones are no model format.
func isPickle(head []byte) bool {
	return len(head) >= 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 9
}

// maxZipEntries bounds the search in a zip; PyTorch writes its data.pkl first.
const maxZipEntries = 1 << 17

// holdsPickle looks for the data.pkl of PyTorch's zips (and TorchScript's). A
// zip that cannot be read is not taken for a model either way.
func holdsPickle(r io.ReaderAt, size int64) bool {
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return false
	}
	for i, f := range z.File {
		if i >= maxZipEntries {
			break
		}
		if base := path.Base(f.Name); base == "data.pkl" || path.Ext(base) == ".pkl" {
			return true
		}
	}
	return false
}

// isSafetensors knows a header's length that fits the file and its first brace.
func isSafetensors(head []byte, size int64) bool {
	if len(head) < 9 || head[8] != '{' {
		return false
	}
	n := binary.LittleEndian.Uint64(head)
	return n >= 2 && n <= uint64(size)-8
}
