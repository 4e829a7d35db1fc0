package blob

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/store/blob/sha"
)

// ExportCAR writes the file or folder c, and all below it, to w as a CAR of
// version 1: one root, the blocks in depth-first pre-order, each block once.
// Every block is compared with its CID before it is written. After an error
// what was written is no CAR. Errors: ErrNotHave, ErrChanged, ErrCorrupt,
// ErrCID, those of w.
func (s *Store) ExportCAR(ctx context.Context, c string, w io.Writer) error {
	root, err := parseCID(c)
	if err != nil {
		return err
	}
	defer s.use(root)()
	if _, err := s.record(root); err != nil {
		return err
	}
	s.used(root)
	e := &carExport{s: s, w: bufio.NewWriterSize(w, serveBuffer), seen: map[blockKey]struct{}{}}
	if _, err := e.w.Write(appendCARHeader(nil, root)); err != nil {
		return err
	}
	if err := e.put(ctx, root); err != nil {
		return err
	}
	return e.w.Flush()
}

// blockKey stands for a CID: the codec and half of the hash. Two blocks that
// agree in it would take 2^64 hashes to find, and harm only who made them.
type blockKey [1 + sha256.Size/2]byte

func keyOf(c cid.Cid) (k blockKey) {
	copy(k[1:], c.KeyString()[4:])
	k[0] = c.KeyString()[1]
	return k
}

// carExport is one call of ExportCAR.
type carExport struct {
	s    *Store
	w    *bufio.Writer
	seen map[blockKey]struct{}
	buf  []byte // of the leaves at hand
}

// first tells whether c was not written yet, and notes that it is.
func (e *carExport) first(c cid.Cid) bool {
	k := keyOf(c)
	_, old := e.seen[k]
	e.seen[k] = struct{}{}
	return !old
}

// put writes a file, or a folder and all below it.
func (e *carExport) put(ctx context.Context, c cid.Cid) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := e.s.record(c)
	if err != nil {
		return err
	}
	if r.Dir {
		return e.folder(ctx, c, c)
	}
	return e.file(ctx, c, r)
}

// folder writes one node of the folder root and, in the order of its links,
// what they lead to.
func (e *carExport) folder(ctx context.Context, root, c cid.Cid) error {
	if !e.first(c) {
		return nil
	}
	block, err := e.s.node(root, c)
	if err != nil {
		return err
	}
	if err := e.block(c, block); err != nil {
		return err
	}
	n, err := decodeBlock(block)
	if err != nil {
		return fmt.Errorf("%w: folder %s: %w", ErrCorrupt, c, err)
	}
	for _, l := range n.links {
		if l.name == "" {
			err = e.folder(ctx, root, l.cid)
		} else {
			err = e.put(ctx, l.cid)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// file writes a file. One whose root was written before, perhaps as a part of
// something larger, was written whole.
func (e *carExport) file(ctx context.Context, c cid.Cid, r record) error {
	if _, old := e.seen[keyOf(c)]; old {
		return nil
	}
	f, err := e.s.openFile(c, r)
	if err != nil {
		return err
	}
	defer f.Close()
	w := newWalker(c)
	_, atOnce := e.s.spread(r.Size)
	var batch []step
	var bytes uint64
	for {
		st, more, err := w.next()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		leaf := more && isRaw(st.cid)
		if leaf {
			if st.root {
				st.size = r.Size
			}
			if e.first(st.cid) {
				batch, bytes = append(batch, st), bytes+st.size
			}
			if len(batch) < atOnce && bytes < uint64(atOnce)*chunkSize {
				continue
			}
		}
		if err := e.leaves(ctx, f, batch, bytes); err != nil || !more {
			return err
		}
		batch, bytes = batch[:0], 0
		if leaf {
			continue
		}
		if err := e.node(w, st); err != nil {
			return err
		}
	}
}

// node enters an interior node of a file and writes it.
func (e *carExport) node(w *walker, st step) error {
	block, err := e.s.node(w.root, st.cid)
	if err == nil {
		_, err = w.open(block)
	}
	if err == nil && e.first(st.cid) {
		err = e.block(st.cid, block)
	}
	return err
}

// leaves reads, verifies and writes some leaves of a file, of so many bytes.
func (e *carExport) leaves(ctx context.Context, f *opened, batch []step, bytes uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.buf = grow(e.buf, int(min(bytes, math.MaxInt)))
	blocks, sums := make([][]byte, len(batch)), make([][sha256.Size]byte, len(batch))
	at := uint64(0)
	for i, st := range batch {
		blocks[i] = e.buf[at : at+st.size]
		at += st.size
		if st.size == 0 {
			continue
		}
		if _, err := f.ReadAt(blocks[i], int64(st.offset)); err != nil && err != io.EOF {
			return err
		}
	}
	sha.Sum(sums, blocks)
	for i, st := range batch {
		if sums[i] != digest(st.cid) {
			return fmt.Errorf("%w: %s at byte %d", ErrCorrupt, st.cid, st.offset)
		}
		if err := e.section(st.cid, blocks[i]); err != nil {
			return err
		}
	}
	return nil
}

// block writes a node.
func (e *carExport) block(c cid.Cid, b []byte) error {
	if sha256.Sum256(b) != digest(c) {
		return fmt.Errorf("%w: node %s", ErrCorrupt, c)
	}
	return e.section(c, b)
}

func (e *carExport) section(c cid.Cid, b []byte) error {
	if _, err := e.w.Write(appendCARSection(nil, c, uint64(len(b)))); err != nil {
		return err
	}
	_, err := e.w.Write(b)
	return err
}
