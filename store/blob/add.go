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

// Add stores what r yields until EOF. Errors: ErrNoSpace, those of r.
func (s *Store) Add(ctx context.Context, r io.Reader) (Info, error) {
	i, release, err := s.addCopy(ctx, r, false)
	if err != nil {
		return Info{}, err
	}
	release()
	return i, nil
}

// AddFile stores a regular file, by copy or by reference. Errors: ErrFileType,
// ErrChanged when a referenced file changes while it is read, ErrNoSpace.
func (s *Store) AddFile(ctx context.Context, path string, opt AddOptions) (Info, error) {
	f, err := openRegular(path)
	if err != nil {
		return Info{}, err
	}
	defer f.Close()
	if opt.Reference {
		return s.addReference(ctx, f, opt.Pin)
	}
	i, release, err := s.addCopy(ctx, f, opt.Pin)
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
// cannot lose it to GC.
func (s *Store) addCopy(ctx context.Context, r io.Reader, pin bool) (Info, func(), error) {
	tmp, err := os.CreateTemp(s.tmpDir(), addPrefix)
	if err != nil {
		return Info{}, nil, space(err)
	}
	defer os.Remove(tmp.Name()) // after publish there is nothing under this name
	b, root, err := s.build(ctx, r, tmp)
	if err != nil {
		return Info{}, nil, errors.Join(err, tmp.Close())
	}
	release := s.use(root.cid)
	i, err := s.keep(b, root.cid, tmp, pin)
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

func (s *Store) addReference(ctx context.Context, f *os.File, pin bool) (Info, error) {
	abs, err := filepath.Abs(f.Name())
	if err != nil {
		return Info{}, err
	}
	before, size, err := settled(ctx, f)
	if err != nil {
		return Info{}, err
	}
	b, root, err := s.build(ctx, f, nil)
	if err != nil {
		return Info{}, err
	}
	if err := before.same(f, uint64(size)); err != nil || b.size != uint64(size) {
		return Info{}, fmt.Errorf("%w while it was read: %s", ErrChanged, abs)
	}
	defer s.use(root.cid)()
	if old, err := s.record(root.cid); err == nil && old.Ref != abs && s.usable(root.cid) {
		return s.again(root.cid, pin)
	}
	return s.keepRecord(b, root.cid, record{Size: b.size, Blocks: b.blocks(), Pinned: pin, Ref: abs, stamp: before})
}

// build reads r to its end, copies it to tmp unless that is nil, and makes the
// DAG with hashing spread over the workers.
func (s *Store) build(ctx context.Context, r io.Reader, tmp *os.File) (*builder, link, error) {
	b := &builder{}
	p := newPipe(ctx, s.cfg.Workers,
		func(j *job) error { j.sum = sha256.Sum256(j.buf); return nil },
		func(j *job) error { b.leaf(j.sum, len(j.buf)); return nil })
	err := feed(p, r, tmp)
	if err := errors.Join(err, p.wait()); err != nil {
		return nil, link{}, err
	}
	return b, b.finish(), nil
}

func feed(p *pipe, r io.Reader, tmp *os.File) error {
	for {
		buf, err := p.buffer(chunkSize)
		if err != nil {
			return err
		}
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			if tmp != nil {
				if _, err := tmp.Write(buf[:n]); err != nil {
					return space(err)
				}
			}
			p.put(buf[:n], step{})
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
