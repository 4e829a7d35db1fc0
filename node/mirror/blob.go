package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"infernet.tech/infernet/exec/image"
)

// blob answers with a config, layer or manifest of an image of the repository.
func (m *Mirror) blob(w http.ResponseWriter, r *http.Request, q request) error {
	switch {
	case !digestForm.MatchString(q.arg), strings.HasPrefix(q.arg, "sha256:") && !sha256Form.MatchString(q.arg):
		return errDigest
	case !sha256Form.MatchString(q.arg):
		return errBlob
	}
	h, err := m.find(r.Context(), q.repo, q.arg)
	if err != nil {
		return explain(err, errBlob)
	}
	defer h.release()
	d, _ := h.blob(q.arg)
	f, err := image.OpenBlob(h.Dir, q.arg)
	if err != nil {
		return err
	}
	defer f.Close()
	is, err := sight(f)
	if err != nil {
		return err
	}
	if is.size != d.Size {
		return fmt.Errorf("%w: %s has %d bytes, not %d", errWrong, q.arg, is.size, d.Size)
	}
	whole := r.Method == http.MethodGet && r.Header.Get("Range") == "" && r.Header.Get("If-None-Match") == ""
	if whole && !m.checked.has(is) {
		return m.serveFirst(w, r, f, is, q.arg)
	}
	if r.Method == http.MethodGet {
		if err := m.checked.verify(r.Context(), f, is, q.arg); err != nil {
			return err
		}
	}
	describe(w, q.arg, "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, f)
	return nil
}

// serveFirst sends a blob while it is verified. Its last bytes go when the
// digest is right; when it is not the connection is broken before them.
func (m *Mirror) serveFirst(w http.ResponseWriter, r *http.Request, f *os.File, is sighted, digest string) error {
	describe(w, digest, "application/octet-stream")
	w.Header().Set("Accept-Ranges", "bytes")
	w.Header().Set("Content-Length", strconv.FormatInt(is.size, 10))
	p := &proof{r: f, left: is.size, hash: sha256.New(), digest: digest, done: r.Context().Err}
	if _, err := io.Copy(w, p); err != nil {
		if p.wrong {
			m.log.Warn("mirror: a blob is damaged", "digest", digest, "err", err)
		}
		panic(http.ErrAbortHandler)
	}
	m.checked.add(is)
	return nil
}

// proof reads a blob of known length and gives its last bytes only if all of
// them have the digest.
type proof struct {
	r      io.Reader
	left   int64
	hash   hash.Hash
	digest string
	done   func() error
	wrong  bool
}

func (p *proof) Read(b []byte) (int, error) {
	if err := p.done(); err != nil {
		return 0, err
	}
	if p.left == 0 {
		return 0, p.end()
	}
	n, err := p.r.Read(b[:min(int64(len(b)), p.left)])
	p.hash.Write(b[:n])
	if p.left -= int64(n); p.left == 0 && p.end() != io.EOF {
		return 0, errWrong
	}
	if err == io.EOF && p.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// end is what comes after the last byte.
func (p *proof) end() error {
	if "sha256:"+hex.EncodeToString(p.hash.Sum(nil)) == p.digest {
		return io.EOF
	}
	p.wrong = true
	return errWrong
}

// sighted is a file as it was seen: another file, or one that was written to,
// is seen differently.
type sighted struct {
	path string
	size int64
	time time.Time
}

func sight(f *os.File) (sighted, error) {
	info, err := f.Stat()
	if err != nil {
		return sighted{}, err
	}
	return sighted{f.Name(), info.Size(), info.ModTime()}, nil
}

// maxChecked bounds the memory; what is forgotten is verified again.
const maxChecked = 4096

// checked is which files had their digests when they were read.
type checked struct {
	mu   sync.Mutex
	good map[sighted]bool
	busy map[sighted]chan struct{}
}

func (c *checked) has(is sighted) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.good[is]
}

func (c *checked) add(is sighted) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.good == nil || len(c.good) >= maxChecked {
		c.good = map[sighted]bool{}
	}
	c.good[is] = true
}

// verify reads a file once for all who ask for it at the same time.
func (c *checked) verify(ctx context.Context, f *os.File, is sighted, digest string) error {
	for {
		c.mu.Lock()
		busy, others := c.busy[is]
		if c.good[is] {
			c.mu.Unlock()
			return nil
		}
		if !others {
			break
		}
		c.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if c.busy == nil {
		c.busy = map[sighted]chan struct{}{}
	}
	mine := make(chan struct{})
	c.busy[is] = mine
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.busy, is)
		c.mu.Unlock()
		close(mine)
	}()
	all := io.NewSectionReader(f, 0, is.size)
	p := &proof{r: all, left: is.size, hash: sha256.New(), digest: digest, done: ctx.Err}
	if _, err := io.Copy(io.Discard, p); err != nil {
		return err
	}
	c.add(is)
	return nil
}
