package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/store/blob/sha"
)

// ingest reads one file to its end, hashes its leaves and copies them. Each of
// its workers in turn reads the next blocks while the others hash and write
// theirs, so nothing is handed from one to another and nobody waits for a
// block that is not the next.
type ingest struct {
	s    *Store
	to   *os.File // nil: the bytes stay where they are
	room *promise

	mu   sync.Mutex // held while reading
	from io.Reader
	size uint64
	end  bool
	sums [][sha256.Size]byte
}

// ingest makes the DAG of what r yields, about size bytes of it (0 when
// unknown), and copies it to a file unless that is nil. What it writes was
// reserved; the caller releases that.
func (s *Store) ingest(ctx context.Context, r io.Reader, size uint64, to *os.File) (b *builder, root link, release func(), err error) {
	in := &ingest{s: s, from: r, to: to, room: &promise{s: s, free: to == nil}}
	if err = in.room.cover(size); err == nil {
		err = in.run(ctx, size)
	}
	if err != nil {
		in.room.release()
		return nil, link{}, nil, err
	}
	b = &builder{}
	for i, sum := range in.sums {
		b.leaf(sum, int(min(chunkSize, in.size-uint64(i)*chunkSize)))
	}
	root = b.finish()
	return b, root, in.room.release, nil
}

func (in *ingest) run(ctx context.Context, size uint64) error {
	// A file of one block, which most are, needs no company.
	first := chunkSize
	if size > 0 && size < chunkSize {
		first = int(size) + 1 // one more, to see the end
	}
	buf, err := in.s.pool.get(ctx, first, true)
	if err != nil {
		return err
	}
	err = in.step(ctx, buf)
	in.s.pool.put(buf)
	if err != nil || in.end {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	workers, batch := in.s.spread(size)
	for i := range workers {
		group.Go(func() error {
			buf, err := in.s.pool.get(ctx, batch*chunkSize, i == 0)
			if err != nil {
				return err
			}
			defer in.s.pool.put(buf)
			for err == nil && !in.ended() {
				err = in.step(ctx, buf)
			}
			return err
		})
	}
	return group.Wait()
}

// spread says how many goroutines share the work on size bytes and how many
// blocks each takes at once, within half of the memory of the store.
func (s *Store) spread(size uint64) (workers, batch int) {
	workers = s.cfg.Workers
	batch = min(sha.Lanes(), int(s.cfg.Memory/2/chunkSize)/workers)
	if size > 0 {
		blocks := int((size-1)/chunkSize + 1)
		workers = min(workers, blocks)
		batch = min(batch, (blocks+workers-1)/workers)
	}
	return workers, max(batch, 1)
}

func (in *ingest) ended() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.end
}

// step takes in as many blocks as the buffer holds.
func (in *ingest) step(ctx context.Context, buf []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	buf, at, err := in.read(buf)
	if err != nil || len(buf) == 0 {
		return err
	}
	blocks := make([][]byte, 0, len(buf)/chunkSize+1)
	for b := buf; len(b) > 0; b = b[min(chunkSize, len(b)):] {
		blocks = append(blocks, b[:min(chunkSize, len(b))])
	}
	sums := make([][sha256.Size]byte, len(blocks))
	sha.Sum(sums, blocks)
	if in.to != nil {
		if _, err := in.to.WriteAt(buf, int64(at)); err != nil {
			return space(err)
		}
		startWriteback(in.to, int64(at), int64(len(buf)))
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	copy(in.sums[at/chunkSize:], sums)
	return nil
}

// read fills the buffer with what comes next, which begins at a multiple of
// chunkSize unless the file has ended before.
func (in *ingest) read(buf []byte) (got []byte, at uint64, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.end {
		return nil, 0, nil
	}
	n, err := io.ReadFull(in.from, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		in.end, err = true, nil
	}
	if err == nil && !in.end && n < chunkSize {
		// It is longer than it was said to be: read on to the end of the block.
		rest := make([]byte, chunkSize)
		copy(rest, buf)
		var more int
		more, err = io.ReadFull(in.from, rest[n:])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			in.end, err = true, nil
		}
		buf, n = rest, n+more
	}
	if err != nil {
		in.end = true // for the other workers
		return nil, 0, err
	}
	at = in.size
	in.size += uint64(n)
	in.sums = append(in.sums, make([][sha256.Size]byte, (n+chunkSize-1)/chunkSize)...)
	return buf[:n], at, in.room.cover(in.size)
}

// promise is what was reserved for a file whose length is not known for sure.
type promise struct {
	s        *Store
	free     bool // nothing is written, so nothing need be reserved
	have     uint64
	releases []func()
}

// ahead is how much more than needed is reserved for a file of unknown length.
const ahead = 16 << 20

// cover reserves enough for n bytes in all.
func (p *promise) cover(n uint64) error {
	if p.free || n <= p.have {
		return nil
	}
	more := n - p.have
	if p.have > 0 {
		more += ahead
	}
	release, err := p.s.reserve(more)
	if errors.Is(err, ErrQuota) && more > n-p.have {
		more = n - p.have
		release, err = p.s.reserve(more)
	}
	if err != nil {
		return err
	}
	p.have += more
	p.releases = append(p.releases, release)
	return nil
}

func (p *promise) release() {
	for _, release := range p.releases {
		release()
	}
}
