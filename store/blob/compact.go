package blob

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"slices"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/store"
)

// packState is what is alive in a pack and what is not.
type packState struct {
	id   string
	size int64
	live []packed
	dead int64 // bytes that rewriting it would give back
}

// smallPack is the size below which packs are put together.
const smallPack = packSize / 8

// compact rewrites packs with dead room: those that are mostly dead, or as
// many as it takes to bring the store down to target bytes, unless that is 0.
// With merge it also puts small packs together. Every file is verified on the
// way; a pack with a damaged one stays as it is, for Verify to find.
func (s *Store) compact(ctx context.Context, target uint64, merge bool) error {
	all, err := s.packStates()
	if err != nil {
		return err
	}
	if err := s.forgetPacks(); err != nil {
		return err
	}
	small := 0
	for _, p := range all {
		if p.size < smallPack {
			small++
		}
	}
	slices.SortFunc(all, func(a, b packState) int { return cmp.Compare(b.dead, a.dead) })
	for _, p := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		rewrite := p.dead > p.size/2 || len(p.live) == 0 || (merge && small > 1 && p.size < smallPack)
		if !rewrite && p.dead > 0 && target > 0 {
			total, err := s.diskBytes()
			if err != nil {
				return err
			}
			rewrite = uint64(total) > target
		}
		if rewrite {
			if err := s.rewrite(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// packStates looks what in the packs is alive, of those that nobody writes to.
func (s *Store) packStates() ([]packState, error) {
	// In this order: what is listed and not busy gets no new files any more.
	entries, err := os.ReadDir(s.packsDir())
	if err != nil {
		return nil, err
	}
	busy := s.packs.retire()
	live := map[string][]packed{}
	err = s.index.View(func(x store.Reader) error {
		return x.Scan([]byte(recordPrefix), func(k, v []byte) error {
			var r record
			c, err := castCID(k[1:])
			if err == nil {
				err = json.Unmarshal(v, &r)
			}
			if r.Pack != "" && !busy[r.Pack] {
				live[r.Pack] = append(live[r.Pack], packed{c: c, pack: r.Pack, off: r.Off, size: int(r.Size)})
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	var out []packState
	for _, e := range entries {
		id, ok := packID(e.Name())
		st, gone := e.Info()
		if !ok || gone != nil || busy[id] {
			continue
		}
		p := packState{id: id, size: st.Size(), live: live[id], dead: st.Size() - int64(len(packMagic))}
		for _, f := range p.live {
			p.dead -= packHeader + int64(f.size)
		}
		out = append(out, p)
	}
	return out, nil
}

// forgetPacks removes what the index says of packs that are gone, as after a
// crash in rewrite.
func (s *Store) forgetPacks() error {
	var gone [][]byte
	err := s.index.View(func(x store.Reader) error {
		return x.Scan([]byte(settledPrefix), func(k, _ []byte) error {
			if _, err := os.Lstat(s.packPath(string(k[len(settledPrefix):]))); errors.Is(err, os.ErrNotExist) {
				gone = append(gone, append([]byte{}, k...))
			}
			return nil
		})
	})
	if err != nil || len(gone) == 0 {
		return err
	}
	return s.index.Update(func(x store.Txn) error {
		for _, k := range gone {
			if err := x.Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// rewrite moves what is alive in a pack to the current one and removes it.
func (s *Store) rewrite(old packState) error {
	slices.SortFunc(old.live, func(a, b packed) int { return cmp.Compare(a.off, b.off) })
	if len(old.live) > 0 {
		whole, err := s.move(old)
		if err != nil || !whole {
			return err
		}
	}
	if err := s.fault("remove", s.packPath(old.id)); err != nil {
		return err
	}
	if err := s.packs.remove(old.id); err != nil {
		return err
	}
	return s.index.Update(func(x store.Txn) error { return x.Delete(settledKey(old.id)) })
}

// move copies the files of a pack; false when one of them is damaged.
func (s *Store) move(old packState) (bool, error) {
	from, err := s.packs.get(old.id)
	if err != nil {
		return false, err
	}
	defer s.packs.put(from)
	p := s.newPacker()
	p.moving = map[cid.Cid]packed{}
	defer p.close()
	var buf []byte
	for _, e := range old.live {
		buf = grow(buf, e.size)
		if _, err := from.f.ReadAt(buf, e.off); err != nil || sha256.Sum256(buf) != digest(e.c) {
			return false, nil
		}
		p.moving[e.c] = e
		if err := p.put(e.c, buf); err != nil {
			return false, err
		}
	}
	return true, p.flush()
}
