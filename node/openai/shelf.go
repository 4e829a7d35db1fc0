package openai

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/store"
)

// Purposes of files.
const (
	purposeBatch  = "batch"
	purposeOutput = "batch_output"
)

// maxFiles is how many files are kept at once.
const maxFiles = 10_000

// file is a file as OpenAI's clients see it, and as it is kept.
type file struct {
	ID        string `json:"id"`
	Object    string `json:"object"`
	Bytes     int64  `json:"bytes"`
	CreatedAt int64  `json:"created_at"` // Unix seconds
	ExpiresAt int64  `json:"expires_at,omitempty"`
	Filename  string `json:"filename"`
	Purpose   string `json:"purpose"`
	Status    string `json:"status"`
}

// shelf keeps files: their bytes in a folder, what is known of them in the store.
type shelf struct {
	dir   string
	store store.Store
	now   func() time.Time
	max   int64     // bytes of a file
	total int64     // bytes of all
	born  time.Time // of this shelf, by the clock of the disk
	mu    sync.Mutex
}

// unfinished begins the names of files that are being written.
const unfinished = "part-"

// open makes the folder and removes what a crash left half written.
func (s *shelf) open() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	left, err := filepath.Glob(filepath.Join(s.dir, unfinished+"*"))
	if err != nil {
		return err
	}
	for _, path := range left {
		// Somebody may be sending one already.
		if info, err := os.Stat(path); err != nil || info.ModTime().After(s.born) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

func (s *shelf) path(id string) string { return filepath.Join(s.dir, id) }

// newID makes an id that nobody can guess.
func newID(prefix string) string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + hex.EncodeToString(b[:])
}

// receive streams bytes into a file that is not yet on the shelf.
func (s *shelf) receive(r io.Reader) (path string, n int64, err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return "", 0, err
	}
	f, err := os.CreateTemp(s.dir, unfinished)
	if err != nil {
		return "", 0, err
	}
	n, err = io.Copy(f, io.LimitReader(r, s.max+1))
	if err == nil && n > s.max {
		err = oai.TooLarge(s.max)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return "", 0, errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), n, nil
}

// put takes a finished file of this disk onto the shelf under f.ID. Doing so
// twice is no error, even when the first time did not get to its end.
func (s *shelf) put(path string, f file) (file, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.list()
	if err != nil {
		return f, err
	}
	used := f.Bytes
	for _, other := range all {
		used += other.Bytes
	}
	if f.Purpose == purposeBatch && (used > s.total || len(all) >= maxFiles) {
		e := oai.TooLarge(s.total)
		e.Message = errQuota.Error()
		return f, e
	}
	f.Object, f.Status, f.CreatedAt = "file", "processed", s.now().Unix()
	if err := os.Rename(path, s.path(f.ID)); err != nil {
		if _, there := os.Stat(s.path(f.ID)); there != nil || !errors.Is(err, os.ErrNotExist) {
			return f, err
		}
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return f, err
	}
	return f, s.store.Update(func(t store.Txn) error { return t.Set([]byte("file/"+f.ID), raw) })
}

func (s *shelf) get(id string) (file, error) {
	var f file
	err := s.store.View(func(r store.Reader) error {
		raw, err := r.Get(key("file/", id))
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, &f)
	})
	if errors.Is(err, store.ErrNotFound) {
		return f, missing("file", id)
	}
	return f, err
}

// key is a key of the store for an id that a client sent.
func key(prefix, id string) []byte {
	if len(id) > 128 {
		id = id[:128] // longer than any that was given out
	}
	return []byte(prefix + id)
}

// list returns all files, newest first.
func (s *shelf) list() ([]file, error) {
	var all []file
	err := s.store.View(func(r store.Reader) error {
		return r.Scan([]byte("file/"), func(_, raw []byte) error {
			var f file
			if err := json.Unmarshal(raw, &f); err != nil {
				return fmt.Errorf("file record: %w", err)
			}
			all = append(all, f)
			return nil
		})
	})
	slices.SortFunc(all, func(a, b file) int {
		if a.CreatedAt != b.CreatedAt {
			return int(b.CreatedAt - a.CreatedAt)
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all, err
}

func (s *shelf) remove(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.store.Update(func(t store.Txn) error { return t.Delete(key("file/", id)) }); err != nil {
		return err
	}
	if err := os.Remove(s.path(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// expire removes files whose time has come; busy ones wait.
func (s *shelf) expire(busy func(id string) bool) error {
	all, err := s.list()
	if err != nil {
		return err
	}
	now := s.now().Unix()
	for _, f := range all {
		if f.ExpiresAt > 0 && f.ExpiresAt <= now && !busy(f.ID) {
			if err := s.remove(f.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
