package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"infernet.tech/infernet/exec"
)

// blobs finds what an image consists of by its digests: in a layout folder, or
// in an archive that was laid out in one.
type blobs struct {
	dir    string
	links  map[string]string // names of the archive that stand for others
	memory map[string][]byte // documents that are no files, by digest
}

// path is where a blob lies. The digest is checked first, because it becomes a
// file name.
func (b blobs) path(d string) (string, error) {
	dg := digest.Digest(d)
	if dg.Algorithm() != digest.SHA256 || dg.Validate() != nil {
		return "", bad("digest %.80q", d)
	}
	name, err := b.follow(path.Join(ocispec.ImageBlobsDir, "sha256", dg.Encoded()))
	return filepath.Join(b.dir, filepath.FromSlash(name)), err
}

// follow goes through at most a few of the archive's links.
func (b blobs) follow(name string) (string, error) {
	name = path.Clean(name)
	for range 8 {
		target, ok := b.links[name]
		if !ok {
			break
		}
		name = target
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", bad("%.200q is not in the archive", name)
	}
	return name, nil
}

// size returns the length of a blob that is here; a missing one is
// fs.ErrNotExist too.
func (b blobs) size(d string) (int64, error) {
	if raw, ok := b.memory[d]; ok {
		return int64(len(raw)), nil
	}
	p, err := b.path(d)
	if err != nil {
		return 0, err
	}
	info, err := regular(p)
	if err != nil {
		return 0, fmt.Errorf("blob %.80s: %w", d, err)
	}
	return info.Size(), nil
}

// read reads a small blob and verifies it.
func (b blobs) read(d string, limit int64) ([]byte, error) {
	if raw, ok := b.memory[d]; ok {
		return raw, nil
	}
	p, err := b.path(d)
	if err != nil {
		return nil, err
	}
	raw, err := readFile(p, limit)
	if err != nil {
		return nil, fmt.Errorf("blob %.80s: %w", d, err)
	}
	if got := digest.FromBytes(raw).String(); got != d {
		return nil, bad("blob %s has digest %s", d, got)
	}
	return raw, nil
}

// OpenBlob opens the blob of this digest in a layout folder. The bytes are not
// verified, for that is a matter of reading them all; Inspect tells which blobs
// are an image's. Errors wrap exec.ErrImage, and fs.ErrNotExist for one that is
// not there.
func OpenBlob(dir, digest string) (*os.File, error) {
	p, err := blobs{dir: dir}.path(digest)
	if err != nil {
		return nil, err
	}
	return openRegular(p)
}

// ReadBlob reads and verifies a blob of at most limit bytes in a layout folder.
// Errors are as of OpenBlob, and exec.ErrImageTooBig.
func ReadBlob(dir, digest string, limit int64) ([]byte, error) {
	return blobs{dir: dir}.read(digest, limit)
}

func readFile(path string, limit int64) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", exec.ErrImage, err)
	}
	if n > limit {
		return nil, fmt.Errorf("%w: %s beyond %d bytes", exec.ErrImageTooBig, filepath.Base(path), limit)
	}
	return buf.Bytes(), nil
}

// openRegular opens plain files only: a link or a FIFO in a stranger's layout
// must not lead elsewhere or block.
func openRegular(path string) (*os.File, error) {
	if _, err := regular(path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", exec.ErrImage, err)
	}
	return f, nil
}

func regular(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", exec.ErrImage, err)
	}
	return info, nil
}

// absent tells whether something is not here, as opposed to here and wrong.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errElsewhere) }

// errElsewhere marks an image whose bytes its author keeps elsewhere.
var errElsewhere = errors.New("its bytes are elsewhere")

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", exec.ErrImage, fmt.Sprintf(format, args...))
}
