package blob

import (
	"bytes"
	"io"
	"testing"

	"github.com/ipfs/go-cid"
)

// reads counts calls of ReadAt.
type reads struct {
	io.ReaderAt
	n int
}

func (r *reads) ReadAt(p []byte, at int64) (int, error) {
	r.n++
	return r.ReaderAt.ReadAt(p, at)
}

// CIDs that begin like that of a block do not make it slow to find: a file may
// name the same block a million times.
func TestDecoysInACAR(t *testing.T) {
	t.Parallel()
	one := []byte("x")
	leaf := leafCID(one)
	data := goCARHeader(t, []cid.Cid{leaf})
	for i := range 3000 {
		sum := digest(leaf)
		sum[30], sum[31] = byte(i>>8)+1, byte(i)
		data = appendCARSection(data, makeCID(cid.Raw, sum), 0)
	}
	data = append(appendCARSection(data, leaf, 1), one...)
	r := &reads{ReaderAt: bytes.NewReader(data)}
	f, err := openCAR(r, int64(len(data)))
	if err == nil {
		err = f.scan(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	r.n = 0
	if b, err := f.read(leaf, maxLeaf); err != nil || !bytes.Equal(b, one) {
		t.Fatalf("%q, %v", b, err)
	}
	if r.n > 10 {
		t.Errorf("%d reads for one block", r.n)
	}
}
