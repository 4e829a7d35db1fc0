package blob

import (
	"errors"
	"fmt"
	"hash/maphash"

	"github.com/ipfs/go-cid"
)

const (
	// maxNamed bounds the entries of folders that one stream may ask for,
	// maxNamedAll those of all streams together, about 20 bytes each.
	maxNamed    = 1 << 20
	maxNamedAll = 8 << 20
)

// errNamed ends a stream when all have been named too much.
var errNamed = errors.New("blob: too many entries of folders are served at once")

// named is what may be asked for on a stream: its root and what folders that
// were served on it list. It keeps hashes that nobody can foresee, for there may
// be a million, on each of many streams.
type named struct {
	s    *Store
	seed maphash.Seed
	all  map[uint64]struct{}
}

func newNamed(s *Store, root cid.Cid) *named {
	n := &named{s: s, seed: maphash.MakeSeed(), all: map[uint64]struct{}{}}
	n.all[n.hash(root)] = struct{}{}
	return n
}

func (n *named) hash(c cid.Cid) uint64 { return maphash.String(n.seed, c.KeyString()) }

func (n *named) has(c cid.Cid) bool {
	_, ok := n.all[n.hash(c)]
	return ok
}

// add names entries of a folder. Errors: ErrProtocol for more than any folder
// has that is taken in, errNamed.
func (n *named) add(links []link) error {
	for _, l := range links {
		h := n.hash(l.cid)
		if _, known := n.all[h]; known {
			continue
		}
		if len(n.all) == maxNamed {
			return fmt.Errorf("%w: more than %d entries in one stream", ErrProtocol, maxNamed)
		}
		if n.s.named.Add(1) > maxNamedAll {
			n.s.named.Add(-1)
			return errNamed
		}
		n.all[h] = struct{}{}
	}
	return nil
}

// release gives the room back that add took.
func (n *named) release() { n.s.named.Add(int64(1 - len(n.all))) }
