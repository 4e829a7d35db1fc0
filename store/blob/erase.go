package blob

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

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
	gone, err := s.erase([]cid.Cid{id})
	if err == nil && len(gone) == 0 {
		err = fmt.Errorf("%w: %s", ErrInUse, id)
	}
	return err
}

// parent finds a folder that lists c.
func (s *Store) parent(c cid.Cid) (parent cid.Cid, err error) {
	err = s.scanCIDs(recordPrefix, func(d cid.Cid, v []byte) error {
		var r record
		if err := json.Unmarshal(v, &r); err != nil || !r.Dir || parent.Defined() {
			return err
		}
		return s.entries(d, func(l link) {
			if l.cid == c {
				parent = d
			}
		})
	})
	return parent, err
}

// erase removes those of some files and folders that are not in use, and tells
// which: the records first, then the bytes, so that a crash leaves bytes
// without a record and never the reverse. Bytes in a pack stay as dead room.
func (s *Store) erase(all []cid.Cid) (gone []cid.Cid, err error) {
	s.mu.Lock()
	defer s.mu.Unlock() // nobody begins to use them meanwhile
	for _, c := range all {
		_, touched := s.touched[c]
		if s.uses[c] > 0 || s.claims[c] != nil || touched {
			continue
		}
		// An unfinished file goes first: on a full disk its room is needed to
		// write even the deletion of its journal.
		if err := remove(s.partPath(c)); err != nil {
			return nil, err
		}
		gone = append(gone, c)
	}
	if err := s.forget(gone...); err != nil {
		return nil, space(err)
	}
	for _, c := range gone {
		st, err := os.Lstat(s.ownPath(c))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = remove(s.ownPath(c))
		}
		if err != nil {
			return gone, err
		}
		s.room.add(-st.Size())
	}
	return gone, nil
}

// remove deletes a file that may not exist.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// forget removes every trace of some content from the index, the records
// first, so that a crash between leaves nothing visible.
func (s *Store) forget(all ...cid.Cid) error {
	if len(all) == 0 {
		return nil
	}
	if err := s.fault("forget", all[0].String()); err != nil {
		return err
	}
	err := s.index.Update(func(x store.Txn) error {
		for _, c := range all {
			for _, prefix := range []string{recordPrefix, partialPrefix, usedPrefix} {
				if err := x.Delete(key(prefix, c)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for _, c := range all {
		if err == nil && !isRaw(c) { // a raw block has no nodes
			err = s.deleteNodes(key(nodePrefix, c))
		}
	}
	return err
}
