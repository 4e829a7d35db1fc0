package blob

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

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

	mu      sync.Mutex
	uses    map[cid.Cid]int           // open readers, streams and holds
	claims  map[cid.Cid]chan struct{} // files being fetched; closed when given up
	touched map[cid.Cid]struct{}      // what uses had since a collection began; nil outside of one

	parts   map[cid.Cid]*part  // files of several blocks being fetched
	named   atomic.Int64       // entries of folders that streams may ask for
	roots   map[cid.Cid]*fetch // what is at work on them
	streams int                // of all fetches
	pool    *pool              // buffers of all fetches
	hasher  *hasher

	packs packs
	room  room
	last  lastUses
	dirs  group // syncs of the folder of files
	// fault, in tests, is asked before each step that a crash could come
	// between, and fails it.
	fault func(step, path string) error
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
		uses: map[cid.Cid]int{}, claims: map[cid.Cid]chan struct{}{},
		parts: map[cid.Cid]*part{},
		last:  lastUses{fresh: map[cid.Cid]int64{}},
		fault: func(string, string) error { return nil }}
	s.pool, s.hasher = newPool(s.cfg.Memory), newHasher(s.cfg.Workers)
	s.packs = packs{s: s, open: map[string]*pack{}}
	for _, d := range []string{s.filesDir(), s.tmpDir(), s.packsDir()} {
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
	if err := s.recoverPacks(); err != nil {
		return nil, fmt.Errorf("blob: open: %w", err)
	}
	return s, nil
}

// Close writes down when what was used last and closes the packs. The store
// must not be used after it; one that is not closed loses nothing else.
func (s *Store) Close() error {
	err := s.writeUses()
	s.packs.mu.Lock()
	defer s.packs.mu.Unlock()
	for id, p := range s.packs.open {
		delete(s.packs.open, id)
		if p.gone = true; p.users == 0 {
			err = errors.Join(err, p.f.Close())
		}
	}
	s.packs.cur = nil
	return err
}

// addPrefix begins the names of temporary files of additions, partSuffix ends
// those of fetches.
const (
	addPrefix  = "add-"
	partSuffix = ".part"
)

func (s *Store) filesDir() string { return filepath.Join(s.dir, "files") }
func (s *Store) tmpDir() string   { return filepath.Join(s.dir, "tmp") }

// ownPath is where the bytes of a file lie once whole; partPath until then.
func (s *Store) ownPath(c cid.Cid) string  { return filepath.Join(s.filesDir(), c.String()) }
func (s *Store) partPath(c cid.Cid) string { return filepath.Join(s.tmpDir(), c.String()+partSuffix) }

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
	err := s.index.View(func(x store.Reader) error {
		return x.Scan([]byte(recordPrefix), func(k, v []byte) error {
			var r record
			c, err := castCID(k[1:])
			if err == nil {
				err = json.Unmarshal(v, &r)
			}
			if err == nil {
				out = append(out, s.infoAt(c, r, s.usedAt(x, c, r)))
			}
			return err
		})
	})
	return out, err
}

// info describes c, whose record is r.
func (s *Store) info(c cid.Cid, r record) Info {
	at := r.At
	_ = s.index.View(func(x store.Reader) error { // the time is no reason to fail
		at = s.usedAt(x, c, r)
		return nil
	})
	return s.infoAt(c, r, at)
}

func (s *Store) infoAt(c cid.Cid, r record, used int64) Info {
	i := Info{At: time.Unix(0, r.At), CID: c.String(), Size: r.Size, Blocks: r.Blocks, Entries: r.Entries, Dir: r.Dir,
		Pinned: r.Pinned, InPlace: r.Ref != "", Packed: r.Pack != ""}
	if used > 0 { // else the record is of an earlier version
		i.Used = time.Unix(0, used)
	}
	switch {
	case r.Ref != "":
		i.Path = r.Ref
	case !r.elsewhere():
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
	s.used(id)
	return release, nil
}

// use counts a user of each. Taken before the records are read, so that Remove
// and GC, which read the count last, cannot come between.
func (s *Store) use(all ...cid.Cid) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range all {
		s.uses[c]++
		if s.touched != nil {
			s.touched[c] = struct{}{}
		}
	}
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, c := range all {
			if s.uses[c]--; s.uses[c] == 0 {
				delete(s.uses, c)
			}
		}
	})
}

// Path returns a plain file with the bytes of c alone, which stays as it is
// while c is held. It must not be written to. A packed file becomes one of its
// own. Errors: ErrNotHave, ErrIsDir, ErrChanged, ErrCorrupt, ErrNoSpace, ErrCID.
func (s *Store) Path(c string) (string, error) {
	id, err := parseCID(c)
	if err != nil {
		return "", err
	}
	defer s.use(id)()
	r, err := s.record(id)
	if err != nil {
		return "", err
	}
	f, err := s.openFile(id, r)
	if err != nil {
		return "", err
	}
	s.used(id)
	if f.f.Name() == r.Ref || f.f.Name() == s.ownPath(id) {
		return f.f.Name(), f.Close()
	}
	return s.ownPath(id), errors.Join(s.unpack(id, f), f.Close())
}

// unpack makes a packed file one of its own.
func (s *Store) unpack(c cid.Cid, f *opened) error {
	b := make([]byte, f.Size()) // at most packLimit
	if _, err := io.ReadFull(f, b); err != nil {
		return err
	}
	if sha256.Sum256(b) != digest(c) {
		return fmt.Errorf("%w: %s", ErrCorrupt, c)
	}
	release, err := s.reserve(uint64(len(b)))
	if err != nil {
		return err
	}
	defer release()
	tmp, err := os.CreateTemp(s.tmpDir(), addPrefix)
	if err != nil {
		return space(err)
	}
	defer os.Remove(tmp.Name()) // after publish there is nothing under this name
	if _, err := tmp.Write(b); err != nil {
		return errors.Join(space(err), tmp.Close())
	}
	if err := s.publish(tmp, c); err != nil {
		return err
	}
	return s.commit(c, record{Size: uint64(len(b)), Blocks: 1})
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
			s.used(id)
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

// claimed tells whether somebody is fetching c.
func (s *Store) claimed(c cid.Cid) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.claims[c] != nil
}
