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
	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/store/blob/sha"
)

const (
	jobFiles = 32      // small files that one goroutine reads and hashes at once
	jobBytes = 1 << 20 // or so many bytes of them
)

// smallFiles are files of one folder that are taken in together.
type smallFiles struct {
	dir   *treeDir
	all   []smallFile
	bytes int64
}

type smallFile struct {
	e  *dirent
	st os.FileInfo
	// stamp is of a file that is to be referenced in place.
	stamp stamp
}

// files adds all files of a tree.
func (a *treeAdder) files(ctx context.Context, top *treeDir) error {
	group, ctx := errgroup.WithContext(ctx)
	a.jobs = make(chan smallFiles)
	for range a.s.cfg.Workers {
		group.Go(func() error {
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
	return group.Wait()
}

// hand gives small files to whoever is free.
func (a *treeAdder) hand(ctx context.Context, files smallFiles) error {
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
	buf    []byte
	blocks [][]byte
	sums   [][sha256.Size]byte
}

// take reads, hashes and puts away some files.
func (r *smallReader) take(ctx context.Context, job smallFiles) error {
	r.buf, r.blocks = grow(r.buf, int(job.bytes)+len(job.all)), r.blocks[:0]
	at := 0
	kept := job.all[:0]
	for _, f := range job.all {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.read(ctx, job.dir, &f, r.buf[at:at+int(f.st.Size())+1])
		if err != nil {
			return fmt.Errorf("%.64q: %w", f.e.name, err)
		}
		if n < 0 {
			continue // it has grown and was taken in on its own
		}
		r.blocks, kept = append(r.blocks, r.buf[at:at+n]), append(kept, f)
		at += n
	}
	if len(kept) == 0 {
		return nil
	}
	if cap(r.sums) < len(kept) {
		r.sums = make([][sha256.Size]byte, jobFiles)
	}
	sha.Sum(r.sums[:len(kept)], r.blocks)
	return r.put(job.dir, kept)
}

// read fills b with a file; -1 when the file no longer fits in.
func (r *smallReader) read(ctx context.Context, d *treeDir, f *smallFile, b []byte) (int, error) {
	file, err := openSame(d.root, f.e.name, f.st)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	if r.a.opt.Reference {
		if f.stamp, _, err = settled(ctx, file); err != nil {
			return 0, err
		}
	}
	n, err := io.ReadFull(file, b)
	switch {
	case err == nil:
		return -1, r.a.large(ctx, d, f.e, f.st)
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return 0, err
	}
	if r.a.opt.Reference {
		if err := f.stamp.same(file, uint64(n)); err != nil {
			return 0, fmt.Errorf("%w while it was read", err)
		}
	}
	return n, r.a.count(uint64(n))
}

// put gives files that were read and hashed to the packer, or to the records
// of files in place.
func (r *smallReader) put(d *treeDir, files []smallFile) error {
	here := make([]bool, len(files))
	held := make([]func(), len(files))
	for i, f := range files {
		c := makeCID(cid.Raw, r.sums[i])
		f.e.link = link{cid: c, tsize: uint64(len(r.blocks[i]))}
		f.e.rec = record{Size: f.e.link.tsize, Blocks: 1}
		held[i] = r.a.s.use(c)
		if here[i] = r.a.s.usable(c); here[i] {
			r.a.s.used(c)
		}
	}
	r.a.mu.Lock()
	defer r.a.mu.Unlock()
	r.a.held = append(r.a.held, held...)
	for i, f := range files {
		switch {
		case here[i]:
		case r.a.opt.Reference:
			rec := f.e.rec
			rec.Ref, rec.stamp = filepath.Join(d.path, f.e.name), f.stamp
			r.a.refs = append(r.a.refs, located{f.e.link.cid, rec})
		default:
			if err := r.a.packer.put(f.e.link.cid, r.blocks[i]); err != nil {
				return fmt.Errorf("%.64q: %w", filepath.Join(d.path, f.e.name), err)
			}
		}
	}
	return nil
}
