package blob

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/store"
)

// Store is one folder of content-addressed files and its index. It is safe
// for use by many goroutines; only one process may have it open, which the
// index sees to.
type Store struct {
	dir   string
	index store.Store
	cfg   Config

	mu     sync.Mutex
	uses   map[cid.Cid]int           // open readers, streams and holds
	claims map[cid.Cid]chan struct{} // files being fetched; closed when given up
}

// Open opens the store in dir, which it creates, with its records in index
// (a view of its own, see store.Prefix). Leftovers of interrupted additions
// are removed; interrupted fetches stay, to be resumed. It starts nothing.
func Open(dir string, index store.Store, cfg Config) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("blob: open: %w", err)
	}
	s := &Store{dir: dir, index: index, cfg: cfg.withDefaults(),
		uses: map[cid.Cid]int{}, claims: map[cid.Cid]chan struct{}{}}
	for _, d := range []string{s.filesDir(), s.tmpDir()} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, fmt.Errorf("blob: open: %w", err)
		}
	}
	entries, err := os.ReadDir(s.tmpDir())
	if err != nil {
		return nil, fmt.Errorf("blob: open: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), addPrefix) {
			_ = os.Remove(filepath.Join(s.tmpDir(), e.Name()))
		}
	}
	return s, nil
}

// addPrefix begins the names of temporary files of additions.
const addPrefix = "add-"

func (s *Store) filesDir() string { return filepath.Join(s.dir, "files") }
func (s *Store) tmpDir() string   { return filepath.Join(s.dir, "tmp") }

// ownPath is where the bytes of a file lie once whole; partPath until then.
func (s *Store) ownPath(c cid.Cid) string  { return filepath.Join(s.filesDir(), c.String()) }
func (s *Store) partPath(c cid.Cid) string { return filepath.Join(s.tmpDir(), c.String()+".part") }

// Stat describes what is here whole and verified. Errors: ErrNotHave, ErrCID.
// It does not look whether a referenced file has changed.
func (s *Store) Stat(c string) (Info, error) {
	id, err := parseCID(c)
	if err != nil {
		return Info{}, err
	}
	r, err := s.record(id)
	if err != nil {
		return Info{}, err
	}
	return s.info(id, r), nil
}

// Has tells whether the content is here and can be used.
func (s *Store) Has(c string) bool {
	id, err := parseCID(c)
	return err == nil && s.usable(id)
}

// usable tells whether c has a record and, if it is a file, its bytes.
func (s *Store) usable(c cid.Cid) bool {
	r, err := s.record(c)
	if err != nil || r.Dir {
		return err == nil
	}
	f, err := s.openFile(c, r)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

// List describes everything here, the files inside of folders included.
func (s *Store) List() ([]Info, error) {
	var out []Info
	err := s.scanCIDs(recordPrefix, func(c cid.Cid, v []byte) error {
		var r record
		if err := json.Unmarshal(v, &r); err != nil {
			return err
		}
		out = append(out, s.info(c, r))
		return nil
	})
	return out, err
}

func (s *Store) info(c cid.Cid, r record) Info {
	i := Info{CID: c.String(), Size: r.Size, Blocks: r.Blocks, Entries: r.Entries, Dir: r.Dir,
		Pinned: r.Pinned, InPlace: r.Ref != ""}
	switch {
	case r.Ref != "":
		i.Path = r.Ref
	case !r.Dir:
		i.Path = s.ownPath(c)
	}
	return i
}

// Pin protects c, and all below it, from GC.
func (s *Store) Pin(c string) error { return s.setPin(c, true) }

// Unpin takes the protection away.
func (s *Store) Unpin(c string) error { return s.setPin(c, false) }

func (s *Store) setPin(c string, pin bool) error {
	id, err := parseCID(c)
	if err != nil {
		return err
	}
	return s.index.Update(func(x store.Txn) error {
		raw, err := x.Get(key(recordPrefix, id))
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("%w: %s", ErrNotHave, id)
		}
		if err != nil {
			return err
		}
		var r record
		if err := json.Unmarshal(raw, &r); err != nil {
			return err
		}
		r.Pinned = pin
		return setJSON(x, key(recordPrefix, id), r)
	})
}

// Hold keeps c, and all below it, from being removed or collected until
// release is called. Errors: ErrNotHave, ErrCID.
func (s *Store) Hold(c string) (release func(), err error) {
	id, err := parseCID(c)
	if err != nil {
		return nil, err
	}
	release = s.use(id)
	if _, err := s.record(id); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// use counts a user of c. Taken before the record is read, so that Remove and
// GC, which read the count last, cannot come between.
func (s *Store) use(c cid.Cid) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uses[c]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.uses[c]--; s.uses[c] == 0 {
			delete(s.uses, c)
		}
	})
}

// Path returns the plain file with the bytes of c, which stays as it is while
// c is held. It must not be written to.
func (s *Store) Path(c string) (string, error) {
	id, err := parseCID(c)
	if err != nil {
		return "", err
	}
	r, err := s.record(id)
	if err != nil {
		return "", err
	}
	f, err := s.openFile(id, r)
	if err != nil {
		return "", err
	}
	return f.f.Name(), f.Close()
}

// Open opens a file for reading; it is in use until closed. Errors:
// ErrNotHave, ErrIsDir, ErrChanged, ErrCorrupt, ErrCID.
func (s *Store) Open(c string) (io.ReadSeekCloser, error) {
	id, err := parseCID(c)
	if err != nil {
		return nil, err
	}
	release := s.use(id)
	r, err := s.record(id)
	if err == nil {
		var f *opened
		if f, err = s.openFile(id, r); err == nil {
			return &reader{f, release}, nil
		}
	}
	release()
	return nil, err
}

// reader is an opened file in the hands of a caller.
type reader struct {
	f       *opened
	release func()
}

func (r *reader) Read(p []byte) (int, error)                { return r.f.Read(p) }
func (r *reader) ReadAt(p []byte, off int64) (int, error)   { return r.f.ReadAt(p, off) }
func (r *reader) Seek(off int64, whence int) (int64, error) { return r.f.Seek(off, whence) }
func (r *reader) Close() error {
	r.release()
	return r.f.Close()
}
