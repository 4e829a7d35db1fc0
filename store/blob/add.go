package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
)

// Add stores what r yields until EOF. Errors: ErrNoSpace, ErrQuota, those of r.
func (s *Store) Add(ctx context.Context, r io.Reader) (Info, error) {
	return s.released(s.addCopy(ctx, r, 0, AddOptions{}))
}

// AddFile stores a regular file, by copy or by reference. A copy shares its
// place on the disk with the file where the file system can do that. Errors:
// ErrFileType, ErrChanged when a referenced file changes while it is read,
// ErrNoSpace, ErrQuota.
func (s *Store) AddFile(ctx context.Context, path string, opt AddOptions) (Info, error) {
	f, err := openRegular(path)
	if err != nil {
		return Info{}, err
	}
	defer f.Close()
	if opt.Reference {
		return s.released(s.addReference(ctx, f, f.Name(), opt))
	}
	st, err := f.Stat()
	if err != nil {
		return Info{}, err
	}
	return s.released(s.addCopy(ctx, f, uint64(st.Size()), opt))
}

// released lets go of what was added.
func (s *Store) released(i Info, release func(), err error) (Info, error) {
	if err != nil {
		return Info{}, err
	}
	release()
	return i, nil
}

// openRegular follows links, as a person naming a file expects.
func openRegular(path string) (*os.File, error) {
	st, err := os.Stat(path) // before opening: opening a pipe would block
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s", ErrFileType, path)
	}
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// addCopy returns with the file held, so that a folder that is being added
// cannot lose it to GC. size is about what r will yield, 0 when unknown.
func (s *Store) addCopy(ctx context.Context, r io.Reader, size uint64, opt AddOptions) (Info, func(), error) {
	tmp, err := os.CreateTemp(s.tmpDir(), addPrefix)
	if err != nil {
		return Info{}, nil, space(err)
	}
	defer os.Remove(tmp.Name()) // after publish there is nothing under this name
	to := tmp
	if f, ok := r.(*os.File); ok && size > chunkSize && clone(tmp, f) {
		r, to = tmp, nil // what is hashed is the copy, which nobody changes
		release, err := s.reserve(size)
		if err != nil {
			return Info{}, nil, errors.Join(err, tmp.Close())
		}
		defer release()
	}
	b, root, unreserve, err := s.ingest(ctx, opt.told(r), size, to)
	if err != nil {
		return Info{}, nil, errors.Join(err, tmp.Close())
	}
	defer unreserve()
	release := s.use(root.cid)
	i, err := s.keep(b, root.cid, tmp, opt.Pin)
	if err != nil {
		release()
		return Info{}, nil, errors.Join(err, tmp.Close())
	}
	return i, release, nil
}

// keep publishes a built file, unless the store has it already.
func (s *Store) keep(b *builder, root cid.Cid, tmp *os.File, pin bool) (Info, error) {
	if s.usable(root) {
		_ = tmp.Close()
		return s.again(root, pin)
	}
	if err := s.publish(tmp, root); err != nil {
		return Info{}, err
	}
	return s.keepRecord(b, root, record{Size: b.size, Blocks: b.blocks(), Pinned: pin})
}

// again is for content that was added and is here already. It stays where it
// is: what the store has is safer than a reference, and needs no second copy.
func (s *Store) again(root cid.Cid, pin bool) (Info, error) {
	s.used(root)
	if pin {
		if err := s.Pin(root.String()); err != nil {
			return Info{}, err
		}
	}
	return s.Stat(root.String())
}

func (s *Store) keepRecord(b *builder, root cid.Cid, rec record) (Info, error) {
	cids := make([]cid.Cid, len(b.nodes))
	for i, n := range b.nodes {
		cids[i] = makeCID(cid.DagProtobuf, sha256.Sum256(n))
	}
	if err := s.putNodes(root, b.nodes, cids); err != nil {
		return Info{}, err
	}
	if err := s.commit(root, rec); err != nil {
		return Info{}, err
	}
	return s.Stat(root.String())
}

// addReference takes in a file that stays under path, and returns with it held.
func (s *Store) addReference(ctx context.Context, f *os.File, path string, opt AddOptions) (Info, func(), error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Info{}, nil, err
	}
	before, size, err := settled(ctx, f)
	if err != nil {
		return Info{}, nil, err
	}
	b, root, _, err := s.ingest(ctx, opt.told(f), uint64(size), nil)
	if err != nil {
		return Info{}, nil, err
	}
	if err := before.same(f, b.size); err != nil {
		return Info{}, nil, fmt.Errorf("%w while it was read", err)
	}
	release := s.use(root.cid)
	var i Info
	if old, has := s.record(root.cid); has == nil && old.Ref != abs && s.usable(root.cid) {
		i, err = s.again(root.cid, opt.Pin)
	} else {
		i, err = s.keepRecord(b, root.cid, record{Size: b.size, Blocks: b.blocks(), Pinned: opt.Pin, Ref: abs, stamp: before})
	}
	if err != nil {
		release()
		return Info{}, nil, err
	}
	return i, release, nil
}
