package blob

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/store"
)

// checkpoint is how many bytes are received between two entries of the
// journal. After a crash of the program, what the journal does not promise is
// hashed again from the disk; after a power cut it may have to come again.
const checkpoint = 64 << 20

// partial is the journal of one unfinished file: a map of the payload bytes of
// its temporary file that are verified and synced.
type partial struct {
	Map []byte `json:"map"`
}

// bytes returns the spans of the journal within a file of so many bytes. A
// journal that cannot be read promises nothing.
func (j partial) bytes(size uint64) []Span {
	spans, err := readMap(bufio.NewReader(bytes.NewReader(j.Map)))
	if err != nil {
		return nil
	}
	for i := range spans {
		if spans[i].To > size {
			spans[i].To = size
			if spans[i].From >= size {
				return spans[:i]
			}
			return spans[:i+1]
		}
	}
	return spans
}

// part is a file of several blocks on its way in. Its leaves come in any order
// and from several goroutines; each is written in its place once verified.
type part struct {
	s      *Store
	root   cid.Cid
	table  *leafTable
	blocks uint64 // of the whole DAG
	f      *os.File

	mu       sync.Mutex
	taken    bitmap // verified, and written or being written
	have     bitmap // verified and written
	bytes    uint64 // payload of have
	unsynced uint64 // payload written since the journal was
	saving   bool
	saves    sync.WaitGroup
	saveErr  error
}

// startPart opens the temporary file; resume finds what it has. The caller has
// claimed the root, and all nodes are in the index.
func (s *Store) startPart(root cid.Cid, table *leafTable, blocks uint64) (*part, error) {
	p := &part{s: s, root: root, table: table, blocks: blocks,
		taken: newBitmap(table.count), have: newBitmap(table.count)}
	var err error
	if p.f, err = os.OpenFile(s.partPath(root), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, space(err)
	}
	s.mu.Lock()
	s.parts[root] = p
	s.mu.Unlock()
	return p, nil
}

// held tells what of the file is here now.
func (p *part) held() *held {
	p.mu.Lock()
	have := append(bitmap{}, p.have...)
	p.mu.Unlock()
	h := &held{size: p.table.size}
	_ = have.runs(p.table.count, func(from, to uint64) error {
		a, err1 := p.table.begin(from)
		b, err2 := p.table.begin(to)
		if err1 == nil && err2 == nil {
			h.spans = append(h.spans, Span{a, b})
		}
		return nil
	})
	return h
}

// take says that the caller may write leaf i; false when it is here already.
func (p *part) take(i uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken.has(i) {
		return false
	}
	p.taken.set(i)
	return true
}

// write puts a verified leaf that was taken in its place.
func (p *part) write(i uint64, st step, b []byte) error {
	_, err := p.f.WriteAt(b, int64(st.offset))
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.taken.clear(i)
		return space(fmt.Errorf("blob: %w", err))
	}
	p.note(i, st)
	p.unsynced += st.size
	if p.unsynced >= checkpoint && !p.saving {
		p.unsynced = 0
		p.saving = true
		p.saves.Go(p.checkpoint)
	}
	return p.saveErr
}

// note counts a leaf that is here; the lock is held.
func (p *part) note(i uint64, st step) {
	p.taken.set(i)
	p.have.set(i)
	p.bytes += st.size
}

func (p *part) checkpoint() {
	err := p.save()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.saving = false
	if p.saveErr == nil {
		p.saveErr = err
	}
}

// save makes everything that is here part of the journal's promise.
func (p *part) save() error {
	spans := p.held().spans // before the sync: later ones are not promised
	if err := p.f.Sync(); err != nil {
		return space(err)
	}
	return space(p.s.index.Update(func(x store.Txn) error {
		return setJSON(x, key(partialPrefix, p.root), partial{Map: appendMap(nil, spans)})
	}))
}

// finish makes the whole file visible.
func (p *part) finish() error {
	p.saves.Wait()
	if err := p.s.publish(p.f, p.root); err != nil {
		return err
	}
	p.f = nil
	return p.s.commit(p.root, record{Size: p.table.size, Blocks: int(p.blocks)})
}

// leave gives the file up for now; another fetch goes on from here. A journal
// that cannot be written, on a full disk, costs some hashing.
func (p *part) leave() error {
	p.saves.Wait()
	p.mu.Lock()
	dirty := p.unsynced > 0
	p.mu.Unlock()
	if p.f != nil && dirty {
		_ = p.save()
	}
	return p.close()
}

// close ends the use of the temporary file.
func (p *part) close() error {
	p.s.mu.Lock()
	delete(p.s.parts, p.root)
	p.s.mu.Unlock()
	if p.f == nil {
		return nil
	}
	f := p.f
	p.f = nil
	return f.Close()
}

// dropPart removes all that is here of content that will never be accepted.
func (s *Store) dropPart(c cid.Cid) error {
	err := s.forget(c)
	if e := os.Remove(s.partPath(c)); e != nil && !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

// missing is how many payload bytes are not here.
func (p *part) missing() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.table.size - p.bytes
}

// grow returns a slice of n bytes, in b's array if it fits.
func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}
