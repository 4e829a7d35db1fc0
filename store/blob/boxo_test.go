package blob

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	mdtest "github.com/ipfs/boxo/ipld/merkledag/test"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	blocks "github.com/ipfs/go-block-format"
	ipld "github.com/ipfs/go-ipld-format"
)

// loadCAR gives the blocks of a CAR to boxo, and returns the root.
func loadCAR(t testing.TB, data []byte) (ipld.Node, ipld.DAGService) {
	t.Helper()
	dag := mdtest.Mock()
	all, cids := blocksOf(t, data)
	var root ipld.Node
	for i, c := range cids {
		b, err := blocks.NewBlockWithCid(all[i], c)
		if err != nil {
			t.Fatal(err)
		}
		var n ipld.Node
		if isRaw(c) {
			n, err = merkledag.DecodeRawBlock(b)
		} else {
			n, err = merkledag.DecodeProtobufBlock(b)
		}
		if err == nil {
			err = dag.Add(t.Context(), n)
		}
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			root = n
		}
	}
	return root, dag
}

// TestBoxoReadsOurs reads files and folders out of our CARs with Kubo's code.
func TestBoxoReadsOurs(t *testing.T) {
	t.Parallel()
	s, contents := carContents(t)
	for name, c := range contents {
		root, dag := loadCAR(t, exportCAR(t, s, c))
		if root.Cid().String() != c {
			t.Errorf("%s: root %s", name, root.Cid())
		}
		i, err := s.Stat(c)
		if err != nil {
			t.Fatal(err)
		}
		if !i.Dir {
			r, err := uio.NewDagReader(t.Context(), root, dag)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			sameFile(t, s, c, bytes.NewReader(got))
			continue
		}
		d, err := uio.NewDirectoryFromNode(dag, root)
		if err != nil {
			t.Fatal(err)
		}
		links, err := d.Links(t.Context())
		w, e := s.folder(root.Cid())
		if err != nil || e != nil {
			t.Fatal(err, e)
		}
		var got, want []string
		for _, l := range links {
			got = append(got, l.Name+" "+l.Cid.String())
		}
		for _, l := range w.links() {
			want = append(want, l.name+" "+l.cid.String())
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) || len(got) == 0 {
			t.Errorf("%s: boxo lists %d entries and we %d", name, len(got), len(want))
		}
	}
}
