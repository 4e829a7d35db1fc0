package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestFetchFile(t *testing.T) {
	t.Parallel()
	from := newStore(t)
	for _, size := range []int64{0, 1, 1 << 20, 1<<20 + 1, 9<<20 + 5} {
		to := newStore(t)
		want := mustAdd(t, from, noise(1, size))
		var last Progress
		got, err := to.Fetch(t.Context(), want.CID, Limits{OnProgress: func(p Progress) { last = p }}, serving(t, from))
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if got.Size != want.Size || got.Blocks != want.Blocks {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if !last.Complete || last.Bytes != uint64(size) || last.Fetched != uint64(size) || last.Total != uint64(size) {
			t.Errorf("progress %+v", last)
		}
		sameFile(t, to, want.CID, noise(1, size))
		if err := to.Verify(t.Context(), want.CID); err != nil {
			t.Error(err)
		}
		clean(t, to)
	}
}

// clean checks that nothing temporary is left.
func clean(t *testing.T, s *Store) {
	t.Helper()
	left, err := os.ReadDir(s.tmpDir())
	if err != nil || len(left) > 0 || len(s.claims) > 0 || len(s.uses) > 0 {
		t.Errorf("left behind: %v, %v, claims %v, uses %v", left, err, s.claims, s.uses)
	}
}

func TestFetchTree(t *testing.T) {
	t.Parallel()
	files := map[string]string{"one": "1", "again/one": "1", "again/deep/er/one": "1", "big": strings.Repeat("0123456789abcdef", 3<<16)}
	for i := range 300 {
		files[fmt.Sprintf("many/%03d", i)] = fmt.Sprint("file ", i)
	}
	from, to := newStore(t), newStore(t)
	want, err := from.AddTree(t.Context(), writeTree(t, files))
	if err != nil {
		t.Fatal(err)
	}
	got, err := to.Fetch(t.Context(), want.CID, Limits{}, serving(t, from))
	if err != nil || got.Size != want.Size || got.Entries != want.Entries {
		t.Fatalf("%+v, want %+v, %v", got, want, err)
	}
	clean(t, to)
	for _, link := range []bool{false, true} {
		dest := filepath.Join(t.TempDir(), "out")
		if err := to.Export(t.Context(), want.CID, dest, Limits{Link: link}); err != nil {
			t.Fatal(err)
		}
		for name, text := range files {
			b, err := os.ReadFile(filepath.Join(dest, filepath.FromSlash(name)))
			if err != nil || string(b) != text {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := to.Export(t.Context(), want.CID, dest, Limits{}); !errors.Is(err, os.ErrExist) {
			t.Errorf("export over something: %v", err)
		}
	}
	if _, err := to.Open(want.CID); !errors.Is(err, ErrIsDir) {
		t.Errorf("open of a folder: %v", err)
	}
}

// counting counts what a source sends and cuts it off after a while.
type counting struct {
	io.ReadWriteCloser
	read  *int64
	limit int64
}

func (c counting) Read(p []byte) (int, error) {
	if *c.read >= c.limit {
		return 0, io.EOF
	}
	n, err := c.ReadWriteCloser.Read(p[:min(int64(len(p)), c.limit-*c.read)])
	*c.read += int64(n)
	return n, err
}

func cutting(src Source, read *int64, limit int64) Source {
	return Source{Name: src.Name, Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
		c, err := src.Open(ctx)
		*read = 0
		return counting{c, read, limit}, err
	}}
}

func TestFetchResumesAfterCuts(t *testing.T) {
	t.Parallel()
	const size, each = 20<<20 + 9, 3<<20 + 12345
	from, to := newStore(t), newStore(t)
	want := mustAdd(t, from, noise(2, size))
	var read, total int64
	tries := 0
	for ; ; tries++ {
		_, err := to.Fetch(t.Context(), want.CID, Limits{}, cutting(serving(t, from), &read, each))
		total += read
		if err == nil {
			break
		}
		var src *SourceError
		if !errors.Is(err, ErrNoSource) || !errors.Is(err, ErrCut) || !errors.As(err, &src) || tries > 20 {
			t.Fatal(err)
		}
		if to.Has(want.CID) {
			t.Fatal("visible before it was whole")
		}
	}
	sameFile(t, to, want.CID, noise(2, size))
	// Each cut loses at most the block that was under way.
	if most := int64(size + (tries+1)<<20); tries < 5 || total > most {
		t.Errorf("%d tries took %d bytes, at most %d were due", tries, total, most)
	}
	clean(t, to)
}

func TestFetchFromTheNext(t *testing.T) {
	t.Parallel()
	from, to, half := newStore(t), newStore(t), newStore(t)
	want := mustAdd(t, from, noise(3, 5<<20))
	var read int64
	gone := Source{Name: "gone", Open: func(context.Context) (io.ReadWriteCloser, error) { return nil, errors.New("no route") }}
	_, err := to.Fetch(t.Context(), want.CID, Limits{}, gone, serving(t, half), cutting(serving(t, from), &read, 3<<20), serving(t, from))
	if err != nil {
		t.Fatal(err)
	}
	_, err = newStore(t).Fetch(t.Context(), want.CID, Limits{}, gone, serving(t, half))
	if !errors.Is(err, ErrNoSource) || !errors.Is(err, ErrNotHave) || !strings.Contains(err.Error(), "no route") {
		t.Errorf("no source: %v", err)
	}
}

func TestFetchTogether(t *testing.T) {
	t.Parallel()
	from, to := newStore(t), newStore(t)
	shared := strings.Repeat("shared", 1<<19)
	a, err1 := from.AddTree(t.Context(), writeTree(t, map[string]string{"a": shared, "b": "x" + shared, "own": "a"}))
	b, err2 := from.AddTree(t.Context(), writeTree(t, map[string]string{"1": "x" + shared, "2": shared, "own": "b"}))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := to.Fetch(t.Context(), []string{a.CID, b.CID}[i%2], Limits{}, serving(t, from)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, c := range []string{a.CID, b.CID} {
		if err := to.Verify(t.Context(), c); err != nil {
			t.Error(err)
		}
	}
	clean(t, to)
}

func TestFetchCancelled(t *testing.T) {
	t.Parallel()
	from, to := newStore(t), newStore(t)
	want := mustAdd(t, from, noise(4, 8<<20))
	ctx, cancel := context.WithCancel(t.Context())
	src := serving(t, from)
	open := src.Open
	src.Open = func(ctx context.Context) (io.ReadWriteCloser, error) {
		c, err := open(ctx)
		return &cancelling{c, 2 << 20, cancel}, err
	}
	_, err := to.Fetch(ctx, want.CID, Limits{}, src)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(to.claims)+len(to.uses) > 0 || to.Has(want.CID) {
		t.Error("left in use")
	}
}

// cancelling gives up once so many bytes were read.
type cancelling struct {
	io.ReadWriteCloser
	left   int
	cancel func()
}

func (c *cancelling) Read(p []byte) (int, error) {
	n, err := c.ReadWriteCloser.Read(p)
	if c.left -= n; c.left < 0 {
		c.cancel()
	}
	return n, err
}

func TestFetchStalled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		to := openIn(t, dir, newStore(t).index)
		silent := Source{Name: "silent", Open: func(context.Context) (io.ReadWriteCloser, error) {
			return newSilent(), nil
		}}
		begun := time.Now()
		_, err := to.Fetch(t.Context(), "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4", Limits{}, silent)
		if !errors.Is(err, ErrStalled) || time.Since(begun) != time.Minute {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

// silentConn never says anything and never reads.
type silentConn struct {
	closed chan struct{}
	once   *sync.Once
}

func newSilent() silentConn { return silentConn{make(chan struct{}), &sync.Once{}} }

func (s silentConn) Read([]byte) (int, error)  { <-s.closed; return 0, io.ErrClosedPipe }
func (s silentConn) Write([]byte) (int, error) { <-s.closed; return 0, io.ErrClosedPipe }
func (s silentConn) Close() error              { s.once.Do(func() { close(s.closed) }); return nil }

func TestServePolicy(t *testing.T) {
	t.Parallel()
	from := newStore(t)
	public := mustAdd(t, from, strings.NewReader("public"))
	secret := mustAdd(t, from, strings.NewReader("secret"))
	allow := func(root string) error {
		if root != public.CID {
			return errors.New("no live job")
		}
		return nil
	}
	ask := func(root, wanted string) (string, error) {
		r, _ := parseCID(root)
		w, _ := parseCID(wanted)
		var out bytes.Buffer
		in := bytes.NewReader(append(appendQuestion(appendHello(nil, r, 1<<20), question{cid: w, to: wholeRange}), frameDone))
		err := from.ServeStream(t.Context(), struct {
			io.Reader
			io.Writer
		}{in, &out}, allow)
		return out.String(), err
	}
	if out, err := ask(public.CID, public.CID); err != nil || out != "\x00\x00\x07public\x00\x00" {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := ask(secret.CID, secret.CID); !errors.Is(err, ErrRefused) || out != string(rune(statusRefused)) {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := ask(public.CID, secret.CID); !errors.Is(err, ErrProtocol) || strings.Contains(out, "secret") {
		t.Errorf("a root was a way around the policy: %q, %v", out, err)
	}
}
