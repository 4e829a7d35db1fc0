package blob

import (
	"errors"
	"fmt"
	"os"

	"github.com/ipfs/go-cid"
)

// packLimit is the largest file that goes into a pack, in bytes.
const packLimit = 256 << 10

// packer takes in many small files. It is used by one goroutine.
type packer struct {
	s    *Store
	held []packed
}

// packed is a file that was put and is not visible yet.
type packed struct {
	c   cid.Cid
	tmp *os.File
	n   int
}

func (s *Store) newPacker() *packer { return &packer{s: s} }

// put takes in a whole file of one raw block whose bytes were verified, at
// most packLimit of them. It is visible after the next flush. b may be reused.
// Errors: ErrNoSpace, ErrQuota.
func (p *packer) put(c cid.Cid, b []byte) error {
	if !isRaw(c) || len(b) > packLimit {
		return fmt.Errorf("%w: %s of %d bytes does not belong into a pack", ErrDAG, c, len(b))
	}
	tmp, err := os.CreateTemp(p.s.tmpDir(), addPrefix)
	if err != nil {
		return space(err)
	}
	p.held = append(p.held, packed{c, tmp, len(b)})
	_, err = tmp.Write(b)
	return space(err)
}

// flush makes everything that was put visible. Errors: ErrNoSpace.
func (p *packer) flush() error {
	for len(p.held) > 0 {
		e := p.held[0]
		if err := publish(e.tmp, p.s.ownPath(e.c), p.s.filesDir()); err != nil {
			return err
		}
		p.held = p.held[1:]
		if err := p.s.commit(e.c, record{Size: uint64(e.n), Blocks: 1}); err != nil {
			return err
		}
	}
	return nil
}

// close abandons what was put since the last flush.
func (p *packer) close() error {
	var err error
	for _, e := range p.held {
		_ = e.tmp.Close() // publish may have closed it
		err = errors.Join(err, os.Remove(e.tmp.Name()))
	}
	p.held = nil
	return err
}
