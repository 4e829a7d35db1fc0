package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"

	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/store/blob/sha"
)

const (
	jobFiles  = 32      // files that one goroutine takes in at once
	hashBytes = 1 << 20 // bytes of small files that it reads before it hashes them
)

// someFiles are files of one folder that are taken in together.
type someFiles struct {
	dir *treeDir
	all []*dirent
}

// filesPerFlush is how many small files become visible together, while the
// next are read.
const filesPerFlush = recordsPerUpdate

// files adds all files of a tree. Small files that were added before an error
// stay.
func (a *treeAdder) files(ctx context.Context, top *treeDir) error {
	group, ctx := errgroup.WithContext(ctx)
	a.jobs, a.full = make(chan someFiles), make(chan *packer, 1)
	var readers sync.WaitGroup
	for range a.s.cfg.Workers {
		readers.Add(1)
		group.Go(func() error {
			defer readers.Done()
			r := &smallReader{a: a}
			for job := range a.jobs {
				err := r.take(ctx, job)
				job.dir.leave()
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(a.jobs)
		return a.walk(ctx, top, 0)
	})
	group.Go(func() (err error) {
		for p := range a.full {
			err = errors.Join(err, p.flush(), p.close())
		}
		return err
	})
	group.Go(func() error {
		readers.Wait()
		a.full <- a.packer
		close(a.full)
		return nil
	})
	return group.Wait()
}

// hand gives some files to whoever is free.
func (a *treeAdder) hand(ctx context.Context, files someFiles) error {
	if len(files.all) == 0 {
		return nil
	}
	files.dir.users.Add(1)
	select {
	case a.jobs <- files:
		return nil
	case <-ctx.Done():
		files.dir.leave()
		return ctx.Err()
	}
}

// smallReader reads small files, for one goroutine.
type smallReader struct {
	a      *treeAdder
	dir    *treeDir
	buf    []byte // files as they will lie in a pack, each behind its header
	used   int    // of buf
	files  []smallFile
	blocks [][]byte
	sums   [][sha256.Size]byte
}

// smallFile is one whose bytes are in the buffer.
type smallFile struct {
	e     *dirent
	stamp stamp // of one that is to be referenced in place
}

// take reads, hashes and puts away some files.
func (r *smallReader) take(ctx context.Context, job someFiles) error {
	r.dir = job.dir
	for _, e := range job.all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.read(ctx, e); err != nil {
			return fmt.Errorf("%.64q: %w", e.name, err)
		}
		if r.used >= hashBytes {
			if err := r.put(); err != nil {
				return err
			}
		}
	}
	return r.put()
}

// read takes a small file into the buffer, and a large one into the store.
// What is added to a file while it is read is left out: as if it had been added
// to later.
func (r *smallReader) read(ctx context.Context, e *dirent) error {
	if r.buf == nil {
		r.buf = make([]byte, hashBytes+packHeader+packLimit)
	}
	if r.a.opt.Reference {
		return r.readInPlace(ctx, e)
	}
	b := r.buf[r.used+packHeader:][:packLimit]
	n, long, size, err := r.dir.handle.read(e.name, b)
	if err != nil {
		return err
	}
	if long != nil {
		defer long.Close()
		return r.a.large(ctx, r.dir, e, long, size)
	}
	return r.took(smallFile{e: e}, b[:n])
}

// readInPlace is read for a file that is to stay where it is.
func (r *smallReader) readInPlace(ctx context.Context, e *dirent) error {
	f, size, err := r.dir.handle.open(e.name)
	if err != nil {
		return err
	}
	defer f.Close()
	if size > packLimit {
		return r.a.large(ctx, r.dir, e, f, size)
	}
	small := smallFile{e: e}
	if small.stamp, size, err = settled(ctx, f); err != nil {
		return err
	}
	b := r.buf[r.used+packHeader:][:min(size, packLimit)]
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if err := small.stamp.same(f, uint64(n)); err != nil {
		return fmt.Errorf("%w while it was read", err)
	}
	return r.took(small, b[:n])
}

// took takes note of a small file in the buffer.
func (r *smallReader) took(f smallFile, b []byte) error {
	r.files, r.blocks, r.used = append(r.files, f), append(r.blocks, b), r.used+packHeader+len(b)
	r.a.opt.tell(len(b))
	return r.a.count(uint64(len(b)))
}

// put hashes what was read and gives it to the packer, or to the records of
// files in place.
func (r *smallReader) put() error {
	if len(r.files) == 0 {
		return nil
	}
	if r.sums == nil {
		r.sums = make([][sha256.Size]byte, jobFiles)
	}
	sha.Sum(r.sums[:len(r.blocks)], r.blocks)
	cids := make([]cid.Cid, len(r.files))
	all := make([]packed, len(r.files))
	at := 0
	for i, f := range r.files {
		n := len(r.blocks[i])
		cids[i] = makeCID(cid.Raw, r.sums[i])
		f.e.link = link{cid: cids[i], tsize: uint64(n)}
		f.e.rec = record{Size: uint64(n), Blocks: 1}
		putPackHeader(r.buf[at:], n, r.sums[i])
		all[i] = packed{c: cids[i], off: int64(at + packHeader), size: n}
		at += packHeader + n
	}
	release := r.a.s.use(cids...)
	absent, err := r.a.s.absent(all)
	if err != nil {
		release()
		return err
	}
	err = r.keep(absent, release)
	r.files, r.blocks, r.used = r.files[:0], r.blocks[:0], 0
	return err
}

// keep puts away the small files that are not here yet.
func (r *smallReader) keep(absent []packed, release func()) error {
	a := r.a
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held = append(a.held, release)
	switch {
	case a.opt.Reference:
		r.refer(absent)
		return nil
	case len(absent) == len(r.files):
		if err := a.packer.putLaid(r.buf[:r.used], absent); err != nil {
			return err
		}
	default:
		for _, e := range absent {
			if err := a.packer.put(e.c, r.buf[e.off:][:e.size]); err != nil {
				return err
			}
		}
	}
	if len(a.packer.pending) >= filesPerFlush {
		a.full <- a.packer // until the one before is done
		a.packer = a.s.newPacker()
	}
	return nil
}

// refer takes note of small files that stay where they are.
func (r *smallReader) refer(absent []packed) {
	fresh := make(map[int64]bool, len(absent))
	for _, e := range absent {
		fresh[e.off] = true
	}
	at := int64(0)
	for i, f := range r.files {
		if fresh[at+packHeader] {
			rec := f.e.rec
			rec.Ref, rec.stamp = filepath.Join(r.dir.path, f.e.name), f.stamp
			r.a.refs = append(r.a.refs, located{f.e.link.cid, rec})
		}
		at += packHeader + int64(len(r.blocks[i]))
	}
}
