package blob

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"slices"
	"sort"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// carBlock is where one section lies. The CID is in the file.
type carBlock struct {
	key uint64 // see carFile.key
	at  int64
}

// scan notes where each block lies that could be of a file or folder here;
// blocks of other kinds are passed over. Nothing but lengths and CIDs is read.
// Errors: ErrCAR, ErrTooBig, that of ctx.
func (f *carFile) scan(ctx context.Context) error {
	w := &peeker{r: f.r}
	for at, n := f.body, 0; at < f.r.Size(); n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		b, err := w.peek(at, binary.MaxVarintLen64+cidLen)
		if err != nil {
			return err
		}
		size, used := binary.Uvarint(b)
		if used <= 0 || size == 0 {
			return fmt.Errorf("%w: no length of a block at byte %d", ErrCAR, at)
		}
		if size > uint64(f.r.Size()-at-int64(used)) {
			return fmt.Errorf("%w: block of %d bytes at byte %d goes past the end", ErrCAR, size, at)
		}
		if size >= cidLen && ours(b[used:]) {
			if len(f.blocks) == maxCARBlocks {
				return fmt.Errorf("%w: CAR of more than %d blocks", ErrTooBig, maxCARBlocks)
			}
			f.blocks = append(f.blocks, carBlock{f.key(b[used : used+cidLen]), at})
		}
		at += int64(used) + int64(size)
	}
	slices.SortFunc(f.blocks, func(x, y carBlock) int {
		return cmp.Or(cmp.Compare(x.key, y.key), cmp.Compare(x.at, y.at))
	})
	return nil
}

// key is what blocks are looked up by. It is another in each run: a file full
// of CIDs that begin alike would make every look-up pass through all of them.
func (f *carFile) key(cid []byte) uint64 { return maphash.Bytes(f.seed, cid) }

// ours tells whether b begins with a CID of the profile.
func ours(b []byte) bool {
	return len(b) >= cidLen && b[0] == 1 && (b[1] == cid.Raw || b[1] == cid.DagProtobuf) &&
		b[2] == mh.SHA2_256 && b[3] == sha256.Size
}

// find returns where the bytes of c are said to lie. Errors: ErrCAR when they
// are not in the file.
func (f *carFile) find(c cid.Cid) (*io.SectionReader, error) {
	key := f.key([]byte(c.KeyString()))
	i := sort.Search(len(f.blocks), func(i int) bool { return f.blocks[i].key >= key })
	for ; i < len(f.blocks) && f.blocks[i].key == key; i++ {
		b := make([]byte, binary.MaxVarintLen64+cidLen)
		n, err := f.r.ReadAt(b, f.blocks[i].at)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		size, used := binary.Uvarint(b[:n])
		if used <= 0 || n < used+cidLen || size < cidLen || size > math.MaxInt64 {
			return nil, fmt.Errorf("%w: it changes while it is read", ErrCAR)
		}
		if string(b[used:used+cidLen]) == c.KeyString() {
			return io.NewSectionReader(f.r, f.blocks[i].at+int64(used)+cidLen, int64(size)-cidLen), nil
		}
	}
	return nil, fmt.Errorf("%w: block %s is missing", ErrCAR, c)
}

// read returns the verified bytes of a block of at most most bytes. Errors:
// ErrCAR, ErrBadBlock.
func (f *carFile) read(c cid.Cid, most int64) ([]byte, error) {
	r, err := f.find(c)
	if err != nil {
		return nil, err
	}
	if r.Size() > most {
		return nil, fmt.Errorf("%w: block %s of %d bytes", ErrProfile, c, r.Size())
	}
	b := make([]byte, r.Size())
	if _, err := io.ReadFull(r, b); err != nil && len(b) > 0 {
		return nil, fmt.Errorf("%w: block %s: %w", ErrCAR, c, err)
	}
	if sha256.Sum256(b) != digest(c) {
		return nil, fmt.Errorf("%w: %s", ErrBadBlock, c)
	}
	return b, nil
}

// readLeaf reads the leaf c, which must be as long as b, into b. The caller
// verifies it. Errors: ErrCAR, ErrBadBlock.
func (f *carFile) readLeaf(c cid.Cid, b []byte) error {
	r, err := f.find(c)
	if err != nil {
		return err
	}
	if r.Size() != int64(len(b)) {
		return fmt.Errorf("%w: %s has %d bytes where %d were declared", ErrBadBlock, c, r.Size(), len(b))
	}
	if _, err := io.ReadFull(r, b); err != nil {
		return fmt.Errorf("%w: block %s: %w", ErrCAR, c, err)
	}
	return nil
}

// peeker reads a little here and there, most of it close together.
type peeker struct {
	r   io.ReaderAt
	buf [16 << 10]byte
	at  int64
	n   int
}

// peek returns up to n bytes at a place; fewer at the end.
func (p *peeker) peek(at int64, n int) ([]byte, error) {
	if at < p.at || at+int64(n) > p.at+int64(p.n) {
		got, err := p.r.ReadAt(p.buf[:], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		p.at, p.n = at, got
	}
	b := p.buf[at-p.at : p.n]
	return b[:min(n, len(b))], nil
}
