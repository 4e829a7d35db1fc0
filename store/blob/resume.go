package blob

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/ipfs/go-cid"
)

// resume finds the leaves that an earlier fetch left in the temporary file:
// those in the journal by its word, the others where the file has data, by
// their hash.
func (p *part) resume(ctx context.Context) error {
	st, err := p.f.Stat()
	if err != nil || st.Size() == 0 {
		return err
	}
	end := uint64(st.Size())
	j, err := getJSON[partial](p.s.index, key(partialPrefix, p.root))
	if err != nil && !errors.Is(err, ErrNotHave) {
		return err
	}
	for _, sp := range j.bytes(min(end, p.table.size)) {
		if err := p.promised(sp); err != nil {
			return err
		}
	}
	r := rehash{p: p}
	defer r.jobs.Wait()
	for at := uint64(0); at < end && ctx.Err() == nil; {
		from, to := dataAfter(p.f, at, end)
		if err := r.leaves(ctx, from, min(to, end)); err != nil {
			return err
		}
		at = max(to, at+1)
	}
	return ctx.Err()
}

// promised counts the leaves of a span of the journal.
func (p *part) promised(sp Span) error {
	from, to, err := p.table.within(sp)
	for i := from; i < to && err == nil; i++ {
		var st step
		if st, err = p.table.leaf(i); err != nil {
			break
		}
		p.mu.Lock()
		if !p.have.has(i) {
			p.note(i, st)
		}
		p.mu.Unlock()
	}
	return err
}

// rehash looks for verified leaves on the disk.
type rehash struct {
	p    *part
	next uint64 // the first leaf that was not looked at
	jobs sync.WaitGroup
}

// leaves looks at those that lie in from <= x < to, or partly so: data that
// crosses from one extent to the next is looked at once.
func (r *rehash) leaves(ctx context.Context, from, to uint64) error {
	p := r.p
	first, err := p.table.from(from)
	if err != nil {
		return err
	}
	if first > r.next && first > 0 {
		first-- // it may begin before the extent
	}
	for i := max(first, r.next); i < p.table.count && ctx.Err() == nil; i++ {
		st, err := p.table.leaf(i)
		if err != nil {
			return err
		}
		if st.offset >= to {
			break
		}
		r.next = i + 1
		p.mu.Lock()
		here := p.have.has(i)
		p.mu.Unlock()
		if here {
			continue
		}
		if err := r.leaf(ctx, i, st); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (r *rehash) leaf(ctx context.Context, i uint64, st step) error {
	pool := r.p.s.pool
	buf, err := pool.get(ctx, int(st.size), false)
	if err != nil {
		return err
	}
	if n, err := r.p.f.ReadAt(buf, int64(st.offset)); n < len(buf) {
		pool.put(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
	r.jobs.Add(1)
	r.p.s.hasher.put(hashing{buf, func(sum [32]byte) {
		defer r.jobs.Done()
		if sum == digest(st.cid) {
			r.p.mu.Lock()
			r.p.note(i, st)
			r.p.unsynced += st.size
			r.p.mu.Unlock()
		}
		pool.put(buf)
	}}, false)
	return nil
}

// resumeNodes walks the nodes of a file that are here. It stops at the first
// that is missing and returns where its payload begins; whole says that there
// is none.
func (s *Store) resumeNodes(root cid.Cid, w *walker) (missing step, whole bool, err error) {
	for {
		st, more, err := w.next()
		if err != nil || !more {
			return step{}, err == nil, err
		}
		block, err := s.node(root, st.cid)
		if errors.Is(err, ErrNotHave) {
			return st, false, nil
		}
		if err == nil {
			_, err = w.open(block)
		}
		if err != nil {
			return st, false, err
		}
	}
}
