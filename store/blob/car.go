package blob

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"io"

	"github.com/ipfs/go-cid"
)

// Bounds of what is read from a CAR file. See ipld.io/specs/transport/car.
const (
	maxCARHeader = 64 << 10 // bytes; some 1,500 roots
	maxCARRoots  = 1024
	maxCARBlocks = 1 << 22 // 16 bytes of memory each; 1 TiB in chunks of 256 KiB
)

// carTag is the CBOR tag of a CID.
const carTag = 42

// appendCARHeader adds the header of a CARv1 with one root, its length first.
func appendCARHeader(b []byte, root cid.Cid) []byte {
	h := []byte{0xa2, 0x65}
	h = append(h, "roots"...)
	h = append(h, 0x81, 0xd8, carTag, 0x58, byte(root.ByteLen()+1), 0)
	h = append(h, root.Bytes()...)
	h = append(append(h, 0x67), "version"...)
	h = append(h, 1)
	return append(binary.AppendUvarint(b, uint64(len(h))), h...)
}

// appendCARSection adds what comes before the bytes of a block.
func appendCARSection(b []byte, c cid.Cid, size uint64) []byte {
	b = binary.AppendUvarint(b, uint64(c.ByteLen())+size)
	return append(b, c.KeyString()...)
}

// carFile is an opened CAR file. Its blocks are not verified.
type carFile struct {
	r      *io.SectionReader // the CARv1, which may lie inside a CARv2
	roots  []cid.Cid         // of any kind
	body   int64             // where the sections begin in r
	blocks []carBlock        // sorted by key, then place
	seed   maphash.Seed
}

// openCAR finds the CARv1 in size bytes of r and reads its header. Errors:
// ErrCAR, those of r.
func openCAR(r io.ReaderAt, size int64) (*carFile, error) {
	f := &carFile{r: io.NewSectionReader(r, 0, size), seed: maphash.MakeSeed()}
	version, err := f.header()
	if err == nil && version == 2 {
		if err = f.enter(); err == nil {
			version, err = f.header()
		}
	}
	if err == nil && version != 1 {
		err = fmt.Errorf("%w: version %d", ErrCAR, version)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// header reads the header at the beginning of r.
func (f *carFile) header() (version uint64, err error) {
	b := make([]byte, binary.MaxVarintLen64)
	n, err := f.r.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return 0, err
	}
	size, used := binary.Uvarint(b[:n])
	if used <= 0 || size == 0 || size > maxCARHeader || int64(size) > f.r.Size()-int64(used) {
		return 0, fmt.Errorf("%w: no header", ErrCAR)
	}
	b = make([]byte, size)
	if _, err := f.r.ReadAt(b, int64(used)); err != nil && err != io.EOF {
		return 0, err
	}
	f.body = int64(used) + int64(size)
	version, f.roots, err = decodeCARHeader(b)
	return version, err
}

// enter goes into the CARv1 of a CARv2. Its index is not used: a stranger's
// word for where blocks lie saves one pass over the lengths.
func (f *carFile) enter() error {
	var b [40]byte // 16 of characteristics, then three little-endian numbers
	if _, err := f.r.ReadAt(b[:], f.body); err != nil {
		return fmt.Errorf("%w: cut in the header of version 2", ErrCAR)
	}
	at, size := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
	whole := uint64(f.r.Size())
	if at < uint64(f.body)+uint64(len(b)) || at > whole || size > whole-at {
		return fmt.Errorf("%w: data of %d bytes at %d in a file of %d", ErrCAR, size, at, whole)
	}
	f.r = io.NewSectionReader(f.r, int64(at), int64(size))
	return nil
}

// decodeCARHeader reads the DAG-CBOR map {"roots": [CID, ...], "version": n}.
// Errors: ErrCAR.
func decodeCARHeader(b []byte) (version uint64, roots []cid.Cid, err error) {
	d := &cborReader{rest: b}
	for n := d.head(5); n > 0 && d.err == nil; n-- {
		switch key := string(d.take(d.head(3))); {
		case key == "version" && version == 0:
			version = d.head(0)
		case key == "roots" && roots == nil:
			roots = d.roots()
		default:
			d.fail("key %.20q", key)
		}
	}
	if len(d.rest) > 0 {
		d.fail("%d bytes left over", len(d.rest))
	}
	return version, roots, d.err
}

// cborReader takes apart the few forms of CBOR that a header has. After an
// error it returns nothing more.
type cborReader struct {
	rest []byte
	err  error
}

func (d *cborReader) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: header: "+format, append([]any{ErrCAR}, args...)...)
	}
	d.rest = nil
}

// head reads the number of an item that must be of one major type.
func (d *cborReader) head(major byte) uint64 {
	if len(d.rest) == 0 || d.rest[0]>>5 != major {
		d.fail("not of the expected form")
		return 0
	}
	low := d.rest[0] & 31
	d.rest = d.rest[1:]
	if low < 24 {
		return uint64(low)
	}
	if low > 27 {
		d.fail("endless item")
		return 0
	}
	var x uint64
	for _, c := range d.take(1 << (low - 24)) {
		x = x<<8 | uint64(c)
	}
	return x
}

func (d *cborReader) take(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fail("cut")
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *cborReader) roots() []cid.Cid {
	n := d.head(4)
	if n > maxCARRoots {
		d.fail("%d roots of at most %d", n, maxCARRoots)
		return nil
	}
	out := []cid.Cid{}
	for ; n > 0 && d.err == nil; n-- {
		if d.head(6) != carTag {
			d.fail("root that is not a CID")
		}
		b := d.take(d.head(2))
		if len(b) == 0 || b[0] != 0 {
			d.fail("root that is not a CID")
			break
		}
		c, err := cid.Cast(b[1:])
		if err != nil {
			d.fail("root that is not a CID: %w", err)
		}
		out = append(out, c)
	}
	return out
}
