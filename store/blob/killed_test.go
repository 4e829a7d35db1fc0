package blob

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"infernet.tech/infernet/store"
)

// kills is how often either end is killed over how many bytes.
func kills() (times, size int64) {
	if os.Getenv("INFERNET_LONG") != "" {
		return 100, 1 << 30
	}
	return 10, 128 << 20
}

// TestKilledFetching has another process fetch over TCP and be killed again
// and again; no block that reached its disk may be asked for again.
func TestKilledFetching(t *testing.T) {
	if dir := os.Getenv("BLOB_TEST_KILLED"); dir != "" {
		fetchUntilKilled(dir)
	}
	t.Parallel()
	times, size := kills()
	from := newStore(t)
	want := mustAdd(t, from, noise(1, size))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	part := filepath.Join(dir, "blobs", "tmp", want.CID+".part")
	var received int64
	runs := int64(0)
	for done := false; !done; runs++ {
		if runs > 4*times {
			t.Fatal("it does not come to an end")
		}
		stored := onDisk(t, from, want.CID, part)
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledFetching$")
		cmd.Env = append(os.Environ(), "BLOB_TEST_KILLED="+dir, "BLOB_TEST_CID="+want.CID, "BLOB_TEST_ADDR="+l.Addr().String())
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			err := cmd.Wait()
			_ = l.(*net.TCPListener).SetDeadline(time.Now()) // for one that never came
			ended <- err
		}()
		_ = l.(*net.TCPListener).SetDeadline(time.Time{})
		c, err := l.Accept()
		if err != nil {
			t.Fatalf("run %d: %v; it said %s", runs, <-ended, said.Bytes())
		}
		// Killed by the serving side, once so much was sent.
		served := &killing{Conn: c, left: size/times + 77, kill: func() { _ = cmd.Process.Kill() }}
		_ = from.ServeStream(t.Context(), served, nil)
		_ = c.Close()
		done = <-ended == nil
		received += served.sent
		notAskedAgain(t, served.said.Bytes(), stored)
	}
	b, err := store.Open(filepath.Join(dir, "index"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	to := openIn(t, filepath.Join(dir, "blobs"), b)
	sameFile(t, to, want.CID, noise(1, size))
	t.Logf("%d MiB sent for %d MiB in %d runs", received>>20, size>>20, runs)
	if runs < times {
		t.Errorf("killed only %d times", runs-1)
	}
}

// onDisk tells which blocks of c lie right in a temporary file.
func onDisk(t *testing.T, from *Store, c, path string) map[uint64]bool {
	t.Helper()
	good := map[uint64]bool{}
	f, err := os.Open(path)
	if err != nil {
		return good
	}
	defer f.Close()
	right, err := from.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer right.Close()
	a, b := make([]byte, chunkSize), make([]byte, chunkSize)
	for i := uint64(0); ; i++ {
		if _, err := io.ReadFull(f, a); err != nil {
			return good
		}
		if _, err := io.ReadFull(right, b); err != nil {
			t.Fatal(err)
		}
		good[i] = bytes.Equal(a, b)
	}
}

// notAskedAgain reads what the fetching side said and holds its asks against
// what was on its disk before.
func notAskedAgain(t *testing.T, said []byte, stored map[uint64]bool) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(said))
	if _, _, err := readHello(r); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for f, err := readFrame(r); err == nil; f, err = readFrame(r) {
		if f.kind != frameAsk {
			continue
		}
		if f.q.nodes {
			if len(stored) > 0 {
				t.Error("the nodes were asked for again")
			}
			continue
		}
		for i := f.q.from / chunkSize; i < f.q.to/chunkSize; i++ {
			if asked++; stored[i] {
				t.Errorf("block %d was on the disk and asked for again", i)
			}
		}
	}
	if asked == 0 {
		t.Error("nothing was asked for")
	}
}

// killing counts what is sent, kills the peer after so much, and remembers
// what it said.
type killing struct {
	net.Conn
	left, sent int64
	kill       func()
	mu         sync.Mutex
	said       bytes.Buffer
}

func (k *killing) Write(p []byte) (int, error) {
	n, err := k.Conn.Write(p[:min(int64(len(p)), k.left)])
	k.sent += int64(n)
	if k.left -= int64(n); k.left == 0 {
		k.kill()
		return n, io.ErrClosedPipe
	}
	return n, err
}

func (k *killing) Read(p []byte) (int, error) {
	n, err := k.Conn.Read(p)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.said.Write(p[:n])
	return n, err
}

func fetchUntilKilled(dir string) {
	s, b := openForChild(dir)
	_, err := s.Fetch(context.Background(), os.Getenv("BLOB_TEST_CID"), Limits{Bytes: math.MaxUint64},
		dialing("parent", os.Getenv("BLOB_TEST_ADDR")))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_ = b.Close()
	os.Exit(0)
}

func openForChild(dir string) (*Store, *store.Badger) {
	b, err := store.Open(filepath.Join(dir, "index"), nil)
	if err == nil {
		var s *Store
		if s, err = Open(filepath.Join(dir, "blobs"), b, Config{}); err == nil {
			return s, b
		}
	}
	fmt.Println(err)
	os.Exit(1)
	return nil, nil
}

func dialing(name, addr string) Source {
	return Source{Name: name, Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	}}
}

// TestKilledServing has another process serve over TCP and be killed again and
// again. Of all that was verified nothing may come twice.
func TestKilledServing(t *testing.T) {
	if dir := os.Getenv("BLOB_TEST_SERVING"); dir != "" {
		serveUntilKilled(dir)
	}
	t.Parallel()
	times, size := kills()
	dir := t.TempDir()
	b, err := store.Open(filepath.Join(dir, "index"), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := mustAdd(t, openIn(t, filepath.Join(dir, "blobs"), b), noise(2, size))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	to := newStore(t)
	var received int64
	runs := int64(0)
	for done := false; !done; runs++ {
		if runs > 4*times {
			t.Fatal("it does not come to an end")
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledServing$")
		cmd.Env = append(os.Environ(), "BLOB_TEST_SERVING="+dir)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		addr, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		var n atomic.Int64
		src := spoiled(dialing("child", addr[:len(addr)-1]), "child", func(r io.Reader, p []byte) (int, error) {
			// What is on its way when it is killed would come all the same.
			left := size/times/2 + 77 - n.Load()
			if left <= 0 {
				_ = cmd.Process.Kill()
				return 0, io.ErrUnexpectedEOF
			}
			k, err := r.Read(p[:min(int64(len(p)), left)])
			n.Add(int64(k))
			return k, err
		})
		_, err = to.Fetch(t.Context(), want.CID, Limits{}, src)
		done = err == nil
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		received += n.Load()
	}
	sameFile(t, to, want.CID, noise(2, size))
	t.Logf("%d KiB came for %d KiB in %d runs", received>>10, size>>10, runs)
	// A kill loses the block that was under way, and costs some headers.
	if most := size + runs*(chunkSize+64<<10); received > most || runs < times {
		t.Errorf("%d KiB came in %d runs, at most %d were due", received>>10, runs, most>>10)
	}
}

func serveUntilKilled(dir string) {
	s, _ := openForChild(dir)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		go func() {
			_ = s.ServeStream(context.Background(), c, nil)
			_ = c.Close()
		}()
	}
}
