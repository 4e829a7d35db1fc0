package blob

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/store"
)

// recoverPacks looks through the packs that were being written to when the
// store was last used, and makes visible what is whole in them. One that is
// sound to its end takes what is put next.
func (s *Store) recoverPacks() error {
	entries, err := os.ReadDir(s.packsDir())
	if err != nil {
		return err
	}
	for _, e := range entries {
		id, ok := packID(e.Name())
		if !ok {
			continue
		}
		settled := int64(0)
		err := s.index.View(func(x store.Reader) error {
			err := getIn(x, settledKey(id), &settled)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		})
		st, gone := e.Info()
		if err = errors.Join(err, gone); err == nil && (settled != st.Size() || settled < packSize) {
			err = s.recoverPack(id, settled, st.Size())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// recoverPack looks through what lies behind the settled part of a pack.
func (s *Store) recoverPack(id string, settled, size int64) error {
	f, err := os.OpenFile(s.packPath(id), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	found, end, err := s.scanPack(f, id, settled)
	if err == nil && settled != size {
		// The program may have died, and not the machine: what it wrote is in
		// the file and not yet on the disk.
		if err = s.syncFile(f); err == nil {
			err = s.commitPacked(found, nil, map[string]int64{id: size})
		}
	}
	if err != nil {
		return errors.Join(space(err), f.Close())
	}
	// Behind a torn file nothing is added.
	if end == size && end < packSize && s.packs.cur == nil {
		p := &pack{id: id, f: f, mu: &s.packs.mu, size: end}
		s.packs.cur, s.packs.open[id] = p, p
		return nil
	}
	return f.Close()
}

// scanPack lists the files behind some place in a pack that have no record
// and are whole, and where the first byte is that belongs to none.
func (s *Store) scanPack(f *os.File, id string, from int64) (found []packed, end int64, err error) {
	r := bufio.NewReaderSize(io.NewSectionReader(f, from, math.MaxInt64-from), packBuffer)
	head := make([]byte, packHeader)
	if end = from; end == 0 {
		magic := head[:len(packMagic)]
		if _, err := io.ReadFull(r, magic); err != nil || string(magic) != packMagic {
			return nil, 0, noEOF(err)
		}
		end = int64(len(packMagic))
	}
	var buf []byte
	for {
		if _, err := io.ReadFull(r, head); err != nil {
			return found, end, noEOF(err)
		}
		e := packed{pack: id, off: end + packHeader, size: int(binary.LittleEndian.Uint32(head))}
		e.c = makeCID(cid.Raw, [sha256.Size]byte(head[4:]))
		if e.size > packLimit {
			return found, end, nil
		}
		buf = grow(buf, e.size)
		if _, err := io.ReadFull(r, buf); err != nil {
			return found, end, noEOF(err)
		}
		rec, err := s.record(e.c)
		switch {
		case err == nil && rec.Pack == id && rec.Off == e.off: // has been verified and synced
		case err != nil && !errors.Is(err, ErrNotHave):
			return found, end, err
		case sha256.Sum256(buf) != digest(e.c):
			return found, end, nil
		default:
			found = append(found, e)
		}
		end += packHeader + int64(e.size)
	}
}

// noEOF takes the end of a file for no error.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
