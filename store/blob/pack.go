package blob

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A pack is one plain file that holds many small ones, because a file of its
// own costs each more than its bytes do. It begins with packMagic; then, for
// each file, its length in four bytes (little endian), its sha2-256 and its
// bytes. Bytes that a record points to never change; new files go to the end.
// A file without a record is dead room until the pack is rewritten.
const (
	packLimit  = 256 << 10 // bytes of the largest file that goes into a pack
	packSize   = 64 << 20  // a pack that has grown to this takes no more
	packMagic  = "infpack1"
	packHeader = 4 + sha256.Size
	packSuffix = ".pack"
	// packWriteback is how many bytes the system is told to write at once: each
	// time costs as much as writing some hundred KiB.
	packWriteback = 4 << 20
	packIdle      = 16 // packs kept open while nobody uses them
)

// putPackHeader writes what comes before a file of n bytes in a pack.
func putPackHeader(b []byte, n int, sum [sha256.Size]byte) {
	binary.LittleEndian.PutUint32(b, uint32(n))
	copy(b[4:], sum[:])
}

// pack is one open pack.
type pack struct {
	id      string
	f       *os.File
	sync    group
	mu      *sync.Mutex // of packs; it guards the rest
	size    int64
	started int64   // where the part ends that the system was told to write
	users   int     // readers and writes that are not settled
	pending []int64 // where those writes begin
	full    bool    // takes no more
	gone    bool    // removed: closed by its last user
}

// settled is where the part of a pack ends in which every file has its record
// or will never have one.
func (p *pack) settled() int64 {
	if len(p.pending) == 0 {
		return p.size
	}
	return slices.Min(p.pending)
}

// length is how much there is to read.
func (p *pack) length() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.size
}

// written is one write to a pack.
type written struct {
	pack *pack
	at   int64
}

// packs are the packs of a store. The index knows how far each is settled;
// what lies behind that is looked through when the store is opened.
type packs struct {
	s  *Store
	mu sync.Mutex // held while a pack is written to
	// cur takes what is put; nil when the next put begins a new one.
	cur  *pack
	open map[string]*pack
}

func (s *Store) packsDir() string          { return filepath.Join(s.dir, "packs") }
func (s *Store) packPath(id string) string { return filepath.Join(s.packsDir(), id+packSuffix) }

// settledKey has the length of the settled part of a pack, as a JSON number.
func settledKey(id string) []byte { return []byte(settledPrefix + id) }

// packID returns the identifier in a file name.
func packID(name string) (string, bool) {
	id, ok := strings.CutSuffix(name, packSuffix)
	_, err := hex.DecodeString(id)
	return id, ok && err == nil && len(id) == 16
}

// get opens a pack for reading, or finds it open. The caller must put it back.
func (ps *packs) get(id string) (*pack, error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.open[id]
	if p == nil {
		f, err := os.Open(ps.s.packPath(id))
		if err != nil {
			return nil, err
		}
		st, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		ps.tidy()
		p = &pack{id: id, f: f, mu: &ps.mu, size: st.Size(), full: true}
		ps.open[id] = p
	}
	p.users++
	return p, nil
}

// tidy closes a pack that nobody uses when many are open.
func (ps *packs) tidy() {
	if len(ps.open) < packIdle {
		return
	}
	for id, p := range ps.open {
		if p.users == 0 && p != ps.cur {
			delete(ps.open, id)
			_ = p.f.Close() // everything in it was synced, or nobody waits for it
			return
		}
	}
}

// put gives back what get or write gave.
func (ps *packs) put(p *pack) error {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p.users--; p.users == 0 && p.gone {
		return p.f.Close()
	}
	return nil
}

// write appends b to the current pack. The pack is in use until settle.
func (ps *packs) write(b []byte) (written, error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.cur == nil {
		if err := ps.create(); err != nil {
			return written{}, err
		}
	}
	p := ps.cur
	if err := ps.s.fault("append", p.f.Name()); err != nil {
		return written{}, err
	}
	if _, err := p.f.WriteAt(b, p.size); err != nil {
		// The next write goes to the same place; until then the disk has its
		// room back.
		return written{}, space(errors.Join(fmt.Errorf("blob: %w", err), p.f.Truncate(p.size)))
	}
	at := p.size
	p.size += int64(len(b))
	ps.s.room.add(int64(len(b)))
	p.users++
	p.pending = append(p.pending, at)
	if p.size >= packSize {
		p.full, ps.cur = true, nil
	}
	if n := p.size - p.started; n >= packWriteback {
		startWriteback(p.f, p.started, n)
		p.started = p.size
	}
	return written{p, at}, nil
}

// create begins a new pack, whose name is on the disk before any record can
// point into it.
func (ps *packs) create() error {
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // does not fail
	id := hex.EncodeToString(raw[:])
	if err := ps.s.fault("create", ps.s.packPath(id)); err != nil {
		return err
	}
	f, err := os.OpenFile(ps.s.packPath(id), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return space(err)
	}
	if _, err = f.WriteString(packMagic); err == nil {
		err = ps.s.syncDir(ps.s.packsDir())
	}
	if err != nil {
		return space(errors.Join(err, f.Close(), os.Remove(f.Name())))
	}
	ps.tidy()
	ps.s.room.add(int64(len(packMagic)))
	ps.cur = &pack{id: id, f: f, mu: &ps.mu, size: int64(len(packMagic))}
	ps.open[id] = ps.cur
	return nil
}

// marks tells how far packs are settled once some writes are.
func (ps *packs) marks(done []written) map[string]int64 {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	out := map[string]int64{}
	for _, w := range done {
		rest := pack{size: w.pack.size}
		for _, at := range w.pack.pending {
			if !slices.Contains(done, written{w.pack, at}) {
				rest.pending = append(rest.pending, at)
			}
		}
		out[w.pack.id] = rest.settled()
	}
	return out
}

// settle says that the files of some writes have their records, or never will.
func (ps *packs) settle(done []written) {
	for _, w := range done {
		ps.mu.Lock()
		i := slices.Index(w.pack.pending, w.at)
		w.pack.pending = slices.Delete(w.pack.pending, i, i+1)
		ps.mu.Unlock()
		_ = ps.put(w.pack) // closing a file that was synced, or that nobody needs
	}
}

// pendingBytes is the length of all that is not settled.
func (ps *packs) pendingBytes() (sum uint64) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.open {
		if len(p.pending) > 0 {
			sum += uint64(p.size - p.settled())
		}
	}
	return sum
}

// retire ends writing to the current pack. It returns the packs that are not
// settled, which must not be rewritten or removed.
func (ps *packs) retire() (busy map[string]bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.cur != nil {
		ps.cur.full, ps.cur = true, nil
	}
	busy = map[string]bool{}
	for id, p := range ps.open {
		if len(p.pending) > 0 {
			busy[id] = true
		}
	}
	return busy
}

// remove deletes a pack that no record points into. Who reads from it still
// can; where an open file cannot be deleted, the next collection does it.
func (ps *packs) remove(id string) error {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p := ps.open[id]; p != nil {
		delete(ps.open, id)
		if p.gone = true; p.users == 0 {
			_ = p.f.Close()
		}
	}
	path := ps.s.packPath(id)
	st, err := os.Stat(path)
	if err == nil {
		err = os.Remove(path)
	}
	if err == nil {
		ps.s.room.add(-st.Size())
	}
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return err
}
