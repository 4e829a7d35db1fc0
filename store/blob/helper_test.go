package blob

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"

	"infernet.tech/infernet/store"
)

func newStore(t testing.TB) *Store {
	t.Helper()
	return openIn(t, ramDir(t), store.NewMem())
}

// ramDir is a folder that is synced in no time, where there is one with room
// for what the tests that run beside each other put there. Tests of what
// depends on the disk take t.TempDir.
func ramDir(t testing.TB) string {
	t.Helper()
	const ram = "/dev/shm"
	if freeBytes(ram) < 4<<30 {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(ram, "blob-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func openIn(t testing.TB, dir string, index store.Store) *Store {
	t.Helper()
	s, err := Open(dir, index, Config{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// noise yields n bytes that depend on seed, without holding them.
func noise(seed uint64, n int64) io.Reader {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	return io.LimitReader(rand.NewChaCha8(key), n)
}

func mustAdd(t testing.TB, s *Store, r io.Reader) Info {
	t.Helper()
	i, err := s.Add(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// writeTree makes files under a new folder.
func writeTree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(ramDir(t), "tree")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// sameFile compares what the store holds under c with r.
func sameFile(t testing.TB, s *Store, c string, r io.Reader) {
	t.Helper()
	f, err := s.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, b := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, err := io.ReadFull(f, a)
		m, _ := io.ReadFull(r, b)
		if n != m || !bytes.Equal(a[:n], b[:m]) {
			t.Fatal("the bytes differ")
		}
		if err != nil {
			return
		}
	}
}

// serving makes a source out of a store, over an unbuffered pipe.
func serving(t testing.TB, s *Store) Source {
	return Source{Name: "peer", Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
		here, there := net.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = s.ServeStream(context.WithoutCancel(ctx), there, nil)
			_ = there.Close()
		}()
		return waiting{here, ended}, nil
	}}
}

// waiting closes only after the serving side has ended.
type waiting struct {
	net.Conn
	ended chan struct{}
}

func (w waiting) Close() error {
	err := w.Conn.Close()
	<-w.ended
	return err
}

// saying makes a source that sends fixed bytes whatever it is asked, and
// reads all it is sent.
func saying(name string, bytes ...byte) Source {
	return Source{Name: name, Open: func(context.Context) (io.ReadWriteCloser, error) {
		here, there := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, there) }()
		go func() {
			_, _ = there.Write(bytes)
			_ = there.Close()
		}()
		return here, nil
	}}
}
