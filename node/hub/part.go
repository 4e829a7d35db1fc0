package hub

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
)

// part is a download that is not whole. It lies in the folder of its version,
// so that it is never continued with the bytes of another one.
type part struct {
	path string // of the finished file
	f    *os.File
	size uint64
	sum  hash.Hash
}

// openPart opens what an earlier try left, or a new part.
func openPart(path string, m meta) (_ *part, err error) {
	name := path + ".part"
	if m.etag == "" {
		// What it is a part of cannot be known: begin anew.
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	p := &part{path: path, sum: sha256.New()}
	if p.f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, err
	}
	// The sum needs the bytes that are there already.
	n, err := io.Copy(p.sum, p.f)
	p.size = uint64(n)
	if err == nil && m.sizeKnown && p.size > m.size {
		err = p.restart()
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *part) write(b []byte) error {
	n, err := p.f.Write(b)
	_, _ = p.sum.Write(b[:n])
	p.size += uint64(n)
	return err
}

func (p *part) restart() error {
	p.sum.Reset()
	p.size = 0
	if _, err := p.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return p.f.Truncate(0)
}

func (p *part) close() {
	if p.f != nil {
		_ = p.f.Close()
	}
}

// finish compares and gives the file its name.
func (p *part) finish(m meta) error {
	got := hex.EncodeToString(p.sum.Sum(nil))
	if m.sha256 != "" && got != m.sha256 {
		// What does not match is no beginning of what does.
		return errors.Join(fmt.Errorf("%w: %s, told was %s", ErrHash, got, m.sha256), p.restart())
	}
	if err := p.f.Sync(); err != nil {
		return err
	}
	p.close() // some systems rename no open file
	return os.Rename(p.f.Name(), p.path)
}
