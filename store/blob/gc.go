package blob

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/store"
)

// Remove takes c out of the store; a file referenced in place stays where it
// is. The files of a folder stay until GC. Errors: ErrInUse when c is open,
// held, being fetched or an entry of a folder here; ErrNotHave; ErrCID.
func (s *Store) Remove(c string) error {
	id, err := parseCID(c)
	if err != nil {
		return err
	}
	if _, err := s.record(id); err != nil {
		return err
	}
	parent, err := s.parent(id)
	if err != nil {
		return err
	}
	if parent.Defined() {
		return fmt.Errorf("%w: %s is an entry of folder %s", ErrInUse, id, parent)
	}
	return s.erase(id)
}

// parent finds a folder that lists c.
func (s *Store) parent(c cid.Cid) (parent cid.Cid, err error) {
	err = s.scanCIDs(recordPrefix, func(d cid.Cid, v []byte) error {
		var r record
		if err := json.Unmarshal(v, &r); err != nil || !r.Dir || parent.Defined() {
			return err
		}
		n, err := s.folder(d)
		if err != nil {
			return err
		}
		for _, l := range n.links {
			if l.cid == c {
				parent = d
			}
		}
		return nil
	})
	return parent, err
}

// erase removes what is not in use: the record first, then the bytes, so that
// a crash leaves bytes without a record and never the reverse.
func (s *Store) erase(c cid.Cid) error {
	s.mu.Lock()
	defer s.mu.Unlock() // nobody begins to use c meanwhile
	if s.uses[c] > 0 || s.claims[c] != nil {
		return fmt.Errorf("%w: %s", ErrInUse, c)
	}
	// An unfinished file goes first: on a full disk its room is needed to
	// write even the deletion of its journal.
	if err := os.Remove(s.partPath(c)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := s.forget(c); err != nil {
		return space(err)
	}
	if err := os.Remove(s.ownPath(c)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// GC removes everything that is not pinned, in use or below such, unfinished
// fetches included. With dryRun it only tells what it would remove.
func (s *Store) GC(ctx context.Context, dryRun bool) (GCReport, error) {
	var rep GCReport
	keep, err := s.mark()
	if err != nil {
		return rep, err
	}
	if err := s.sweep(ctx, keep, dryRun, &rep); err != nil {
		return rep, err
	}
	err = s.scanCIDs(recordPrefix, func(c cid.Cid, v []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if keep[c] {
			rep.Kept++
			return nil
		}
		var r record
		if err := json.Unmarshal(v, &r); err != nil {
			return err
		}
		if !dryRun {
			if err := s.erase(c); errors.Is(err, ErrInUse) {
				rep.Kept++ // taken into use since the marking
				return nil
			} else if err != nil {
				return err
			}
		}
		rep.Removed = append(rep.Removed, s.info(c, r))
		if !r.Dir && r.Ref == "" {
			rep.Bytes += r.Size
		}
		return nil
	})
	return rep, err
}

// mark lists everything reachable from pins and users.
func (s *Store) mark() (map[cid.Cid]bool, error) {
	var roots []cid.Cid
	err := s.scanCIDs(recordPrefix, func(c cid.Cid, v []byte) error {
		var r record
		err := json.Unmarshal(v, &r)
		if r.Pinned {
			roots = append(roots, c)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	keep := map[cid.Cid]bool{}
	s.mu.Lock()
	for c := range s.uses {
		keep[c] = true
		roots = append(roots, c)
	}
	s.mu.Unlock()
	for _, root := range roots {
		if keep[root] {
			if _, err := s.record(root); errors.Is(err, ErrNotHave) {
				continue // being fetched; it holds what it has met
			}
		}
		err := s.below([]cid.Cid{root}, func(c cid.Cid, _ record) error { keep[c] = true; return nil })
		if err != nil && !errors.Is(err, ErrNotHave) {
			return nil, err
		}
	}
	return keep, nil
}

// sweep removes what has no record: unfinished fetches that nobody continues,
// their nodes, and files that a crash left without a record.
func (s *Store) sweep(ctx context.Context, keep map[cid.Cid]bool, dryRun bool, rep *GCReport) error {
	orphans, err := s.orphans()
	if err != nil {
		return err
	}
	for c := range orphans {
		if err := ctx.Err(); err != nil {
			return err
		}
		if keep[c] {
			continue
		}
		if _, err := s.record(c); !errors.Is(err, ErrNotHave) {
			continue
		}
		var bytes uint64
		for _, path := range []string{s.ownPath(c), s.partPath(c)} {
			if st, err := os.Stat(path); err == nil {
				bytes += uint64(st.Size())
			}
		}
		if !dryRun {
			if err := s.erase(c); errors.Is(err, ErrInUse) {
				continue
			} else if err != nil {
				return err
			}
		}
		rep.Bytes += bytes
	}
	return nil
}

// orphans lists every CID that has nodes, a journal or a file.
func (s *Store) orphans() (map[cid.Cid]bool, error) {
	all := map[cid.Cid]bool{}
	err := s.index.View(func(r store.Reader) error {
		for _, prefix := range []string{nodePrefix, partialPrefix} {
			err := r.Scan([]byte(prefix), func(k, _ []byte) error {
				c, err := castCID(k[1:min(len(k), 1+cidLen)])
				all[c] = true
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{s.filesDir(), s.tmpDir()} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if c, err := parseCID(strings.TrimSuffix(filepath.Base(e.Name()), ".part")); err == nil {
				all[c] = true
			}
		}
	}
	return all, nil
}
