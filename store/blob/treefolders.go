package blob

import (
	"errors"
	"fmt"
	"math"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/store"
)

// located is a record that is to be written.
type located struct {
	c   cid.Cid
	rec record
}

// bytesPerUpdate keeps transactions that write nodes within what the index
// takes at once.
const bytesPerUpdate = 512 << 10

// folders makes the folders of a tree whose files are visible, the nodes
// before the records, children before parents.
func (a *treeAdder) folders(top *treeDir) (link, error) {
	w := &nodeWriter{s: a.s}
	root, rec, err := a.folder(top, w)
	if err == nil {
		err = w.flush()
	}
	if err != nil {
		return link{}, err
	}
	a.s.used(root.cid)
	if a.opt.Pin {
		rec.Pinned = true
		w.records = append(w.records, located{root.cid, rec})
	}
	return root, a.s.commitAll(w.records)
}

func (a *treeAdder) folder(d *treeDir, w *nodeWriter) (link, record, error) {
	n := &node{dir: true}
	rec := record{Dir: true}
	for i := range d.entries {
		e := &d.entries[i]
		if e.dir != nil {
			var err error
			if e.link, e.rec, err = a.folder(e.dir, w); err != nil {
				return link{}, rec, fmt.Errorf("%.64q: %w", e.name, err)
			}
		}
		e.link.name = e.name
		n.links = append(n.links, e.link)
		rec.add(e.rec)
	}
	d.entries = nil // large trees are heavy twice
	root, blocks, cids, err := folderBlocks(n)
	if err != nil {
		return link{}, rec, err
	}
	rec.Blocks = addInt(rec.Blocks, len(blocks))
	a.held = append(a.held, a.s.use(root.cid))
	if a.s.usable(root.cid) {
		return root, rec, nil
	}
	w.records = append(w.records, located{root.cid, rec})
	return root, rec, w.put(root.cid, blocks, cids)
}

// add counts an entry of a folder. Sums of hostile folders overflow; they stop
// at the largest number instead.
func (r *record) add(entry record) {
	if r.Size += entry.Size; r.Size < entry.Size {
		r.Size = math.MaxUint64
	}
	r.Blocks = addInt(r.Blocks, entry.Blocks)
	r.Entries = addInt(addInt(r.Entries, entry.Entries), 1)
}

func addInt(a, b int) int {
	if a > math.MaxInt-b {
		return math.MaxInt
	}
	return a + b
}

// folderRecord sums up a folder of so many nodes whose entries are all here.
func (s *Store) folderRecord(links []link, nodes int) (record, error) {
	rec := record{Dir: true, Blocks: nodes}
	err := s.index.View(func(x store.Reader) error {
		for _, l := range links {
			var child record
			err := getIn(x, key(recordPrefix, l.cid), &child)
			if errors.Is(err, store.ErrNotFound) {
				err = fmt.Errorf("%w: %s", ErrNotHave, l.cid)
			}
			if err != nil {
				return err
			}
			rec.add(child)
		}
		return nil
	})
	return rec, err
}

// dirRecord sums up a folder of one node.
func (s *Store) dirRecord(n *node) (record, error) { return s.folderRecord(n.links, 1) }

// nodeWriter writes the nodes of many folders, and keeps the records that
// follow.
type nodeWriter struct {
	s       *Store
	records []located
	keys    [][]byte
	blocks  [][]byte
	bytes   int
}

func (w *nodeWriter) put(root cid.Cid, blocks [][]byte, cids []cid.Cid) error {
	for i, b := range blocks {
		if w.bytes > 0 && w.bytes+len(b) > bytesPerUpdate {
			if err := w.flush(); err != nil {
				return err
			}
		}
		w.keys, w.blocks = append(w.keys, nodeKey(root, cids[i])), append(w.blocks, b)
		w.bytes += len(b) + cidLen
	}
	return nil
}

func (w *nodeWriter) flush() error {
	err := w.s.index.Update(func(x store.Txn) error {
		for i, k := range w.keys {
			if err := x.Set(k, w.blocks[i]); err != nil {
				return err
			}
		}
		return nil
	})
	w.keys, w.blocks, w.bytes = w.keys[:0], w.blocks[:0], 0
	return space(err)
}

// commitAll makes many things visible, in their order. Their bytes or nodes
// must be in place and synced; none may have a file of its own.
func (s *Store) commitAll(all []located) error {
	for len(all) > 0 {
		n := min(len(all), recordsPerUpdate)
		if err := s.fault("commit", ""); err != nil {
			return err
		}
		now := s.now()
		err := s.index.Update(func(x store.Txn) error {
			for _, l := range all[:n] {
				r := l.rec
				r.At = now
				var old record
				if getIn(x, key(recordPrefix, l.c), &old) == nil {
					r.Pinned = r.Pinned || old.Pinned
				}
				if err := setJSON(x, key(recordPrefix, l.c), r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return space(err)
		}
		all = all[n:]
	}
	return nil
}

// treeSize is the dag-pb size of a file: its payload and its nodes.
func (s *Store) treeSize(root cid.Cid, payload uint64) (uint64, error) {
	if isRaw(root) {
		return payload, nil
	}
	block, err := s.node(root, root)
	if err != nil {
		return 0, err
	}
	n, err := decodeNode(block)
	if err != nil {
		return 0, err
	}
	size := uint64(len(block))
	for _, l := range n.links {
		size += l.tsize
	}
	return size, nil
}
