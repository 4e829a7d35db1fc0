package blob

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/store"
)

// The index has these kinds of keys; CID and ROOT are CIDs in binary:
//
//	r CID         record of a file or folder that is whole, verified and synced
//	n ROOT HASH   dag-pb node of the file or folder ROOT
//	p CID         how far an unfinished fetch of a file is
//	u CID         when it was used last, if that was after the record
//	k PACK        how much of a pack needs no looking through at the next Open
//
// Leaves have no keys: the nodes list them in the order of the bytes.
const (
	recordPrefix  = "r"
	nodePrefix    = "n"
	partialPrefix = "p"
	usedPrefix    = "u"
	settledPrefix = "k"
)

// record is what the index knows about one file or folder.
type record struct {
	Size    uint64 `json:"size"`
	Blocks  int    `json:"blocks"`
	Entries int    `json:"entries,omitempty"`
	Dir     bool   `json:"dir,omitempty"`
	Pinned  bool   `json:"pinned,omitempty"`
	// At is when the record was made, in nanoseconds since 1970.
	At int64 `json:"at,omitempty"`
	// Pack, when set, is the pack in which the bytes begin at Off.
	Pack string `json:"pack,omitempty"`
	Off  int64  `json:"off,omitempty"`
	// Ref is the absolute path of a file referenced in place, stamp what the
	// file system said of it then.
	Ref string `json:"ref,omitempty"`
	stamp
}

// own is the number of bytes in a plain file of its own in the store.
func (r record) own() uint64 {
	if r.elsewhere() {
		return 0
	}
	return r.Size
}

// elsewhere tells that there is no plain file of its own for it.
func (r record) elsewhere() bool { return r.Dir || r.Ref != "" || r.Pack != "" }

// stored is the number of bytes on the store's account, packs included.
func (r record) stored() uint64 {
	switch {
	case r.Dir || r.Ref != "":
		return 0
	case r.Pack != "":
		return r.Size + packHeader
	}
	return r.Size
}

func key(prefix string, c cid.Cid) []byte { return append([]byte(prefix), c.KeyString()...) }

func nodeKey(root, c cid.Cid) []byte {
	return append(key(nodePrefix, root), c.KeyString()[4:]...)
}

// getJSON reads one small record; ErrNotHave when there is none.
func getJSON[T any](s store.Store, k []byte) (v T, err error) {
	err = s.View(func(r store.Reader) error {
		raw, err := r.Get(k)
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, &v)
	})
	if errors.Is(err, store.ErrNotFound) {
		err = ErrNotHave
	}
	return v, err
}

// getIn reads one small record inside a transaction.
func getIn(x store.Reader, k []byte, v any) error {
	raw, err := x.Get(k)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}

func setJSON(x store.Txn, k []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return x.Set(k, raw)
}

func (s *Store) record(c cid.Cid) (record, error) {
	r, err := getJSON[record](s.index, key(recordPrefix, c))
	if err != nil {
		return r, fmt.Errorf("%w: %s", err, c)
	}
	return r, nil
}

// node returns the bytes of a node of root; ErrNotHave when absent.
func (s *Store) node(root, c cid.Cid) (block []byte, err error) {
	err = s.index.View(func(r store.Reader) error {
		block, err = r.Get(nodeKey(root, c))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: node %s", ErrNotHave, c)
	}
	return block, err
}

// putNodes stores nodes of root. They are reachable only through its record.
func (s *Store) putNodes(root cid.Cid, blocks [][]byte, cids []cid.Cid) error {
	for len(blocks) > 0 {
		n := 1
		for bytes := len(blocks[0]); n < len(blocks) && n < recordsPerUpdate; n++ {
			if bytes += len(blocks[n]) + 2*cidLen; bytes > bytesPerUpdate {
				break
			}
		}
		err := s.index.Update(func(x store.Txn) error {
			for i := range n {
				if err := x.Set(nodeKey(root, cids[i]), blocks[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return space(err)
		}
		blocks, cids = blocks[n:], cids[n:]
	}
	return nil
}

// commit makes c visible. The bytes must be in place and synced. A pin set
// before stays.
func (s *Store) commit(c cid.Cid, r record) error {
	if err := s.fault("commit", c.String()); err != nil {
		return err
	}
	r.At = s.now()
	var before uint64
	err := s.index.Update(func(x store.Txn) error {
		next, old := r, record{}
		if err := getIn(x, key(recordPrefix, c), &old); err == nil {
			next.Pinned = next.Pinned || old.Pinned
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		before = old.own()
		return errors.Join(setJSON(x, key(recordPrefix, c), next), x.Delete(key(partialPrefix, c)))
	})
	if err == nil {
		s.room.add(int64(r.own()) - int64(before))
	}
	return space(err)
}

// deleteNodes removes all keys under prefix, some at a time.
func (s *Store) deleteNodes(prefix []byte) error {
	enough := errors.New("enough")
	for {
		n := 0
		err := s.index.Update(func(x store.Txn) error {
			var keys [][]byte
			err := x.Scan(prefix, func(k, _ []byte) error {
				if keys = append(keys, append([]byte{}, k...)); len(keys) == 1000 {
					return enough
				}
				return nil
			})
			if err != nil && !errors.Is(err, enough) {
				return err
			}
			n = len(keys)
			for _, k := range keys {
				if err := x.Delete(k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || n < 1000 {
			return err
		}
	}
}

// scanCIDs calls fn for every key of one kind; fn may change the index.
func (s *Store) scanCIDs(prefix string, fn func(c cid.Cid, value []byte) error) error {
	type pair struct {
		c cid.Cid
		v []byte
	}
	var all []pair
	err := s.index.View(func(r store.Reader) error {
		return r.Scan([]byte(prefix), func(k, v []byte) error {
			c, err := castCID(k[1:])
			if err != nil {
				return err
			}
			all = append(all, pair{c, append([]byte{}, v...)})
			return nil
		})
	})
	for _, p := range all {
		if err == nil {
			err = fn(p.c, p.v)
		}
	}
	return err
}
