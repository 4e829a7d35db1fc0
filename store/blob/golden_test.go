package blob

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The golden CIDs of testdata/kubo.json and the CAR files beside it come from
// Kubo 0.41.0, built from its module. TestKubo asks a Kubo for them again:
//
//	GOBIN=/somewhere go install github.com/ipfs/kubo/cmd/ipfs@v0.41.0
//	INFERNET_KUBO=/somewhere/ipfs go test -run TestKubo ./store/blob -update
//
// What it runs, in a repository made by `ipfs init --profile unixfs-v1-2025`
// (which matters for sharded folders only), is
//
//	ipfs add -Q --hidden --cid-version=1 --raw-leaves=true --chunker=size-1048576 --max-file-links=1024 [-r PATH]
//	ipfs dag export ROOT

// goldenFiles are streams of noise(1) of so many bytes, unless zeros.
var goldenFiles = []struct {
	name  string
	size  int64
	zeros bool
	long  bool
}{
	{name: "0", size: 0},
	{name: "1", size: 1},
	{name: "1 MiB - 1", size: 1<<20 - 1},
	{name: "1 MiB", size: 1 << 20},
	{name: "1 MiB + 1", size: 1<<20 + 1},
	{name: "1024 MiB of zeros", size: 1 << 30, zeros: true},
	{name: "1024 MiB + 1 of zeros", size: 1<<30 + 1, zeros: true},
	{name: "1024 MiB + 1", size: 1<<30 + 1, long: true},
}

func goldenFile(size int64, zero bool) io.Reader {
	if zero {
		return io.LimitReader(zeros{}, size)
	}
	return noise(1, size)
}

// goldenFolders are files by path with their text.
var goldenFolders = map[string]func() map[string]string{
	"empty": func() map[string]string { return nil },
	"nested": func() map[string]string {
		return map[string]string{"a/b/c/d": "deep", "a/b/e": "", "a!": "x", "f": "y", "a/b2": "z"}
	},
	"names": func() map[string]string {
		return map[string]string{"日本語/ファイル.txt": "1", "\u00e9": "composed", "e\u0301": "in two", "🚀 and space": "2",
			".hidden": "3", "Z": "4", "a": "5", "A": "6", "-n": "7", "%41": "8", strings.Repeat("ü", 127): "9"}
	},
	"last plain":    func() map[string]string { return manyFiles(lastPlain, 60) },
	"first sharded": func() map[string]string { return manyFiles(lastPlain+1, 60) },
	"two levels":    func() map[string]string { return manyFiles(6000, 20) },
	"wide":          wideFiles,
	"sharded below": func() map[string]string {
		out := map[string]string{"beside": "x"}
		for name, text := range manyFiles(2600, 60) {
			out["sub/"+name] = text
		}
		return out
	},
}

// lastPlain is how many of manyFiles(n, 60) fit into one node of 256 KiB.
const lastPlain = 2520

// manyFiles are someEntries as files: each holds its own name.
func manyFiles(n, width int) map[string]string {
	out := map[string]string{}
	for _, l := range someEntries(n, width) {
		out[l.name] = l.name
	}
	return out
}

func golden(t testing.TB) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "kubo.json"))
	out := map[string]string{}
	if err = errors.Join(err, json.Unmarshal(raw, &out)); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestGoldenFiles(t *testing.T) {
	t.Parallel()
	want := golden(t)
	for _, f := range goldenFiles {
		if f.long && os.Getenv("INFERNET_LONG") == "" {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			if f.zeros { // equal chunks need hashing once
				if got := zeroFile(f.size); got != want["file "+f.name] {
					t.Errorf("got %s, Kubo says %s", got, want["file "+f.name])
				}
				return
			}
			s := newStore(t)
			i := mustAdd(t, s, goldenFile(f.size, false))
			if i.CID != want["file "+f.name] {
				t.Errorf("got %s, Kubo says %s", i.CID, want["file "+f.name])
			}
		})
	}
}

func zeroFile(size int64) string {
	var b builder
	chunk := make([]byte, chunkSize)
	sum := sha256.Sum256(chunk)
	for ; size >= chunkSize; size -= chunkSize {
		b.leaf(sum, chunkSize)
	}
	if size > 0 {
		b.leaf(sha256.Sum256(chunk[:size]), int(size))
	}
	return b.finish().cid.String()
}

// links makes the entries of a folder from files by path.
func links(t testing.TB, files map[string]string) []link {
	t.Helper()
	subs := map[string]map[string]string{}
	var out []link
	for path, text := range files {
		name, rest, deeper := strings.Cut(path, "/")
		if !deeper {
			out = append(out, link{name: name, cid: leafCID([]byte(text)), tsize: uint64(len(text))})
			continue
		}
		if subs[name] == nil {
			subs[name] = map[string]string{}
		}
		subs[name][rest] = text
	}
	for name, sub := range subs {
		l, _, _, err := folderBlocks(&node{dir: true, links: links(t, sub)})
		if err != nil {
			t.Fatal(err)
		}
		l.name = name
		out = append(out, l)
	}
	slices.SortFunc(out, func(x, y link) int { return strings.Compare(x.name, y.name) })
	return out
}

func TestGoldenFolders(t *testing.T) {
	t.Parallel()
	want := golden(t)
	for name, files := range goldenFolders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, blocks, _, err := folderBlocks(&node{dir: true, links: links(t, files())})
			if err != nil || root.cid.String() != want["folder "+name] {
				t.Errorf("got %s, %v, Kubo says %s", root.cid, err, want["folder "+name])
			}
			if sharded := len(blocks) > 1; sharded != (name == "first sharded" || name == "two levels" || name == "wide") {
				t.Errorf("%d blocks", len(blocks))
			}
			if len(files()) > 100 && os.Getenv("INFERNET_LONG") == "" {
				return // TestShardsTravel adds one
			}
			if i, err := newStore(t).AddTree(t.Context(), writeTree(t, files())); err != nil || i.CID != want["folder "+name] {
				t.Errorf("added: %s, %v", i.CID, err)
			}
		})
	}
}

// goldenCARs are files that Kubo exported, by what they were added with.
var goldenCARs = map[string]struct {
	args   []string
	expect error
}{
	"profile":    {nil, nil},
	"kib-chunks": {[]string{"--chunker=size-1024", "--max-file-links=8"}, nil},
	"rabin":      {[]string{"--chunker=rabin-1024-2048-4096"}, nil},
	"version-0":  {[]string{"--cid-version=0", "--raw-leaves=false"}, ErrProfile},
	"pb-leaves":  {[]string{"--raw-leaves=false"}, ErrProfile},
	"modes":      {[]string{"--preserve-mode", "--raw-leaves=false"}, ErrProfile},
	"blake3":     {[]string{"--hash=blake3"}, ErrProfile},
}

// goldenCAR are the files in those.
func goldenCAR() map[string]string {
	text := make([]byte, 40<<10)
	_, _ = io.ReadFull(noise(8, 1<<20), text)
	return map[string]string{"file": string(text), "sub/é": "small", "sub/empty": ""}
}

func TestGoldenCARs(t *testing.T) {
	t.Parallel()
	want := golden(t)
	for name, c := range goldenCARs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(filepath.Join("testdata", name+".car"))
			if err != nil {
				t.Fatal(err)
			}
			s := newStore(t)
			got, err := importCAR(t, s, data, Limits{})
			if c.expect != nil {
				if !errors.Is(err, c.expect) || len(got) > 0 {
					t.Errorf("%v, %v", got, err)
				}
				t.Log(err)
				swept(t, s)
				return
			}
			if err != nil || len(got) != 1 || got[0].CID != want["car "+name] {
				t.Fatalf("%v, %v, want %s", got, err, want["car "+name])
			}
			if again := exportCAR(t, s, got[0].CID); !bytes.Equal(again, data) {
				t.Errorf("exported again it has %d bytes and not %d", len(again), len(data))
			}
			sameTree(t, s, got[0].CID, goldenCAR())
		})
	}
}

// sameTree exports a folder and compares its files.
func sameTree(t testing.TB, s *Store, c string, files map[string]string) {
	t.Helper()
	dest := filepath.Join(t.TempDir(), "out")
	if err := s.Export(t.Context(), c, dest, Limits{}); err != nil {
		t.Fatal(err)
	}
	for path, text := range files {
		got, err := os.ReadFile(filepath.Join(dest, filepath.FromSlash(path)))
		if err != nil || string(got) != text {
			t.Errorf("%s: %d bytes, %v", path, len(got), err)
		}
	}
}
