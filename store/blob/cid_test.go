package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	chunk "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	mh "github.com/multiformats/go-multihash"
)

// discardDAG takes the nodes that boxo's importer makes.
type discardDAG struct{ ipld.DAGService }

func (discardDAG) Add(context.Context, ipld.Node) error       { return nil }
func (discardDAG) AddMany(context.Context, []ipld.Node) error { return nil }

var v1 = cid.Prefix{Version: 1, Codec: cid.DagProtobuf, MhType: mh.SHA2_256, MhLength: -1}

// boxoFile imports as Kubo does with the options of the profile.
func boxoFile(t *testing.T, seed uint64, size int64) ipld.Node {
	t.Helper()
	return boxoChunks(t, seed, size, chunkSize)
}

func boxoChunks(t *testing.T, seed uint64, size, chunkSize int64) ipld.Node {
	t.Helper()
	params := helpers.DagBuilderParams{Maxlinks: fanout, RawLeaves: true, CidBuilder: v1, Dagserv: discardDAG{}}
	b, err := params.New(chunk.NewSizeSplitter(noise(seed, size), chunkSize))
	if err != nil {
		t.Fatal(err)
	}
	n, err := balanced.Layout(b)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFileCIDs(t *testing.T) {
	t.Parallel()
	sizes := map[string]int64{"0": 0, "1": 1, "MiB-1": 1<<20 - 1, "MiB": 1 << 20, "MiB+1": 1<<20 + 1, "10 MiB+7": 10<<20 + 7}
	s := newStore(t)
	for name, size := range sizes {
		t.Run(name, func(t *testing.T) {
			b, root, _, err := s.ingest(t.Context(), noise(7, size), 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			n := boxoFile(t, 7, size)
			if root.cid != n.Cid() {
				t.Errorf("got %s, boxo says %s", root.cid, n.Cid())
			}
			if want, err := n.Size(); err != nil || root.tsize != want {
				t.Errorf("cumulative size %d, boxo says %d, %v", root.tsize, want, err)
			}
			if b.size != uint64(size) {
				t.Errorf("size %d", b.size)
			}
		})
	}
}

// TestDeepCIDs goes past the first and second level of nodes with chunks of a
// few bytes; TestGigabyte compares one real file of 1024 chunks.
func TestDeepCIDs(t *testing.T) {
	t.Parallel()
	for _, leaves := range []int64{2, 1023, 1024, 1025, 2048, 2049, 1024*7 + 3} {
		var b builder
		r := noise(9, leaves*3-1)
		for buf := make([]byte, 3); ; {
			n, err := io.ReadFull(r, buf)
			if n == 0 {
				break
			}
			b.leaf(sha256.Sum256(buf[:n]), n)
			if err != nil {
				break
			}
		}
		got, want := b.finish(), boxoChunks(t, 9, leaves*3-1, 3)
		if size, err := want.Size(); got.cid != want.Cid() || got.tsize != size || err != nil {
			t.Errorf("%d leaves: got %s, boxo says %s; sizes %d and %d", leaves, got.cid, want.Cid(), got.tsize, size)
		}
	}
}

// Known CIDs, as `ipfs add --cid-version 1 --raw-leaves` prints them.
func TestKnownCIDs(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for text, want := range map[string]string{
		"":              "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
		"hello world\n": "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4",
	} {
		if i := mustAdd(t, s, strings.NewReader(text)); i.CID != want {
			t.Errorf("%q: got %s, want %s", text, i.CID, want)
		}
	}
	empty, err := s.AddTree(t.Context(), writeTree(t, nil))
	if err != nil || empty.CID != "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354" {
		t.Errorf("empty folder: %s, %v", empty.CID, err)
	}
}

func TestTreeCIDs(t *testing.T) {
	t.Parallel()
	dir := writeTree(t, map[string]string{"b": "text", "a/deep/x": "more", "a!": "", "ü": "umlaut"})
	f, err := os.Create(filepath.Join(dir, "a", "big"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.ReadFrom(noise(3, 3<<20))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	got, err := newStore(t).AddTree(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}

	raw := func(text string) ipld.Node {
		n, err := merkledag.NewRawNodeWPrefix([]byte(text), cid.Prefix{Version: 1, Codec: cid.Raw, MhType: mh.SHA2_256, MhLength: -1})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	folder := func(entries map[string]ipld.Node) ipld.Node {
		n := unixfs.EmptyDirNode()
		if err := n.SetCidBuilder(v1); err != nil {
			t.Fatal(err)
		}
		for name, e := range entries {
			if err := n.AddNodeLink(name, e); err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	want := folder(map[string]ipld.Node{
		"b": raw("text"), "a!": raw(""), "ü": raw("umlaut"),
		"a": folder(map[string]ipld.Node{"deep": folder(map[string]ipld.Node{"x": raw("more")}), "big": boxoFile(t, 3, 3<<20)}),
	})
	if got.CID != want.Cid().String() {
		t.Errorf("got %s, boxo says %s", got.CID, want.Cid())
	}
	if got.Size != 3<<20+14 || got.Entries != 7 || !got.Dir {
		t.Errorf("%+v", got)
	}
}

func TestParseCID(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "x", strings.Repeat("b", 1000),
		"QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", // version 0
		"bafkqaaa", // identity hash
		"bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", // dag-cbor
		"../../etc/passwd",
	} {
		if _, err := parseCID(bad); !errors.Is(err, ErrCID) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
