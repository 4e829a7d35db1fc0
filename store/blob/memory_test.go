package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"infernet.tech/infernet/store"
)

// overTCP serves a store on a loopback socket.
func overTCP(t testing.TB, s *Store) Source {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = s.ServeStream(context.Background(), c, nil)
				_ = c.Close()
			}()
		}
	}()
	return Source{Name: "tcp", Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	}}
}

// TestGigabyte adds, fetches and compares 1 GiB and a byte, made on the fly, and watches
// what the process holds meanwhile, both ends together.
func TestGigabyte(t *testing.T) {
	if testing.Short() {
		t.Skip("moves a gigabyte")
	}
	const size = 1<<30 + 1
	index, err := store.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	from := openIn(t, ramDir(t), store.Prefix(index, "from/"))
	to := openIn(t, ramDir(t), store.Prefix(index, "to/"))
	debug.FreeOSMemory()
	before, peak := inUse(), uint64(0)
	watch := func() { peak = max(peak, inUse()) }

	begun := time.Now()
	want := mustAdd(t, from, io.TeeReader(noise(1, size), every(64<<20, watch)))
	added := time.Since(begun)
	// As boxo's balanced importer says for the same bytes.
	if want.CID != "bafybeifv3i4oavp6k4onag22kzam6x54x6lm4oxezwzuzq3e53h5lkxy6i" {
		t.Errorf("CID %s", want.CID)
	}
	begun = time.Now()
	next := uint64(0)
	_, err = to.Fetch(t.Context(), want.CID, Limits{OnProgress: func(p Progress) {
		if p.Bytes >= next {
			next += 64 << 20
			watch()
		}
	}}, overTCP(t, from))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("added at %.0f MB/s, fetched at %.0f MB/s; %d KiB before, %d KiB at most",
		size/added.Seconds()/1e6, size/time.Since(begun).Seconds()/1e6, before>>10, peak>>10)
	sameFile(t, to, want.CID, noise(1, size))
	if peak > before+64<<20 {
		t.Errorf("grew from %d to %d KiB", before>>10, peak>>10)
	}
}

// inUse is what the Go runtime has from the system and has not given back.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys - m.HeapReleased
}

// every calls fn each time so many bytes were written to it.
func every(n int, fn func()) io.Writer { return &ticker{n: n, fn: fn} }

type ticker struct {
	n, at int
	fn    func()
}

func (k *ticker) Write(p []byte) (int, error) {
	if k.at += len(p); k.at >= k.n {
		k.at = 0
		k.fn()
	}
	return len(p), nil
}

// The benchmarks move the same 256 MiB; the bare ones are the baselines.

const benchSize = 256 << 20

func BenchmarkHash(b *testing.B) {
	b.SetBytes(benchSize)
	block := make([]byte, chunkSize)
	for b.Loop() {
		for range benchSize / chunkSize {
			sha256.Sum256(block)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	s := newStore(b)
	b.SetBytes(benchSize)
	for b.Loop() {
		i := mustAdd(b, s, io.LimitReader(zeros{}, benchSize))
		if err := s.Remove(i.CID); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFetchTCP(b *testing.B)  { benchFetch(b, overTCP) }
func BenchmarkFetchPipe(b *testing.B) { benchFetch(b, serving) }

func benchFetch(b *testing.B, source func(testing.TB, *Store) Source) {
	from, to := newStore(b), newStore(b)
	want := mustAdd(b, from, noise(1, benchSize))
	src := source(b, from)
	b.SetBytes(benchSize)
	for b.Loop() {
		if _, err := to.Fetch(b.Context(), want.CID, Limits{}, src); err != nil {
			b.Fatal(err)
		}
		if err := to.Remove(want.CID); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBareTCP copies over a loopback socket to nowhere.
func BenchmarkBareTCP(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	b.SetBytes(benchSize)
	for b.Loop() {
		go func() {
			c, err := net.Dial("tcp", l.Addr().String())
			if err == nil {
				_, _ = io.CopyN(c, zeros{}, benchSize)
				_ = c.Close()
			}
		}()
		c, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, c); n != benchSize || err != nil {
			b.Fatal(n, err)
		}
		_ = c.Close()
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// BenchmarkBareWrite writes and syncs a file: what the disk alone takes.
func BenchmarkBareWrite(b *testing.B) {
	b.SetBytes(benchSize)
	block := make([]byte, chunkSize)
	for b.Loop() {
		f, err := os.Create(filepath.Join(b.TempDir(), "f"))
		if err != nil {
			b.Fatal(err)
		}
		for range benchSize / chunkSize {
			if _, err := f.Write(block); err != nil {
				b.Fatal(err)
			}
		}
		if err := errors.Join(f.Sync(), f.Close(), os.Remove(f.Name())); err != nil {
			b.Fatal(err)
		}
	}
}
