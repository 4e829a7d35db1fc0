package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/store"
)

// checkpoint is how many bytes are received between two entries of the
// journal. After a crash of the program, what lies behind the last entry is
// hashed again from the disk; after a power cut it may have to come again.
const checkpoint = 64 << 20

// part is a file on its way in. It is used by one goroutine.
type part struct {
	s       *Store
	root    cid.Cid
	w       *walker
	f       *os.File // nil until the first leaf
	held    uint64   // blocks here, a prefix of the walk
	bytes   uint64   // payload of those
	synced  uint64   // bytes the journal promises
	pending step     // the first block that is missing
	whole   bool     // nothing is missing
	total   uint64   // payload bytes of the file, once known
	known   bool
}

// openPart continues what an earlier fetch of root left, or begins anew. The
// caller has claimed root.
func (s *Store) openPart(ctx context.Context, root cid.Cid) (*part, error) {
	p := &part{s: s, root: root, w: newWalker(root)}
	j, err := getJSON[partial](s.index, key(partialPrefix, root))
	switch {
	case err == nil:
		if p.f, err = os.OpenFile(s.partPath(root), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
			return nil, space(err)
		}
		p.synced = j.Bytes
	case !errors.Is(err, ErrNotHave):
		return nil, err
	}
	if err := p.resume(ctx); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// resume walks as far as the blocks are here: nodes in the index, leaves below
// the journal's mark by its word, leaves after it by their hash.
func (p *part) resume(ctx context.Context) error {
	size := uint64(0)
	if p.f != nil {
		st, err := p.f.Stat()
		if err != nil {
			return err
		}
		size = uint64(st.Size())
	}
	p.synced = min(p.synced, size)
	var buf []byte
	for ctx.Err() == nil {
		st, more, err := p.w.next()
		if err != nil {
			return err
		}
		if !more {
			p.whole = true
			return nil
		}
		p.pending = st
		here := false
		switch {
		case !isRaw(st.cid):
			here, err = p.resumeNode(st)
		case st.offset+st.size <= p.synced && !st.root:
			here = true
		case st.offset+st.size <= size && !st.root:
			buf = grow(buf, int(st.size))
			_, err = p.f.ReadAt(buf, int64(st.offset))
			here = sha256.Sum256(buf) == digest(st.cid)
		}
		if err != nil {
			return err
		}
		if !here {
			return nil
		}
		p.count(st)
	}
	return ctx.Err()
}

func (p *part) resumeNode(st step) (bool, error) {
	block, err := p.s.node(p.root, st.cid)
	if errors.Is(err, ErrNotHave) {
		return false, nil
	}
	if err == nil {
		_, err = p.open(st, block)
	}
	return err == nil, err
}

// open enters a verified node and learns the size of the file from its root.
func (p *part) open(st step, block []byte) (*node, error) {
	n, err := p.w.open(block)
	if err == nil && st.root && !n.dir {
		p.total, p.known = n.size, true
	}
	return n, err
}

// count takes note of a block that is here.
func (p *part) count(st step) {
	p.held++
	if isRaw(st.cid) {
		p.bytes += st.size
	}
}

// create makes the temporary file, journalled before it exists.
func (p *part) create() error {
	if p.f != nil {
		return nil
	}
	if err := p.mark(); err != nil {
		return err
	}
	var err error
	p.f, err = os.OpenFile(p.s.partPath(p.root), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	return space(err)
}

// write puts a verified leaf in its place; safe for several goroutines.
func (p *part) write(st step, b []byte) error {
	if _, err := p.f.WriteAt(b, int64(st.offset)); err != nil {
		return space(fmt.Errorf("blob: %w", err))
	}
	return nil
}

// advance is called for each leaf in order, after it was written.
func (p *part) advance(st step) error {
	p.bytes += st.size
	if p.bytes-p.synced < checkpoint {
		return nil
	}
	return p.save()
}

// save makes everything up to p.bytes part of the journal's promise.
func (p *part) save() error {
	if err := p.f.Sync(); err != nil {
		return space(err)
	}
	p.synced = p.bytes
	return p.mark()
}

func (p *part) mark() error {
	return space(p.s.index.Update(func(x store.Txn) error {
		return setJSON(x, key(partialPrefix, p.root), partial{Bytes: p.synced})
	}))
}

// finish makes the whole file visible.
func (p *part) finish() error {
	if err := p.create(); err != nil { // of a file without bytes
		return err
	}
	if err := publish(p.f, p.s.ownPath(p.root), p.s.filesDir()); err != nil {
		return err
	}
	p.f = nil
	return p.s.commit(p.root, record{Size: p.bytes, Blocks: int(p.w.blocks)})
}

// drop removes all that is here of content that will never be accepted.
func (p *part) drop() error {
	err := errors.Join(p.close(), p.s.forget(p.root))
	if e := os.Remove(p.s.partPath(p.root)); e != nil && !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

func (p *part) close() error {
	if p.f == nil {
		return nil
	}
	f := p.f
	p.f = nil
	return f.Close()
}

// grow returns a slice of n bytes, in b's array if it fits.
func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// readBlock reads n bytes and holds them to the hash in c.
func readBlock(r io.Reader, c cid.Cid, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, cut(err)
	}
	if sha256.Sum256(b) != digest(c) {
		return nil, fmt.Errorf("%w: %s", ErrBadBlock, c)
	}
	return b, nil
}
