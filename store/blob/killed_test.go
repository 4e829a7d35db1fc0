package blob

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"infernet.tech/infernet/store"
)

// TestKilled has another process fetch over TCP and be killed again and again;
// what reached its disk must not be asked for again.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("BLOB_TEST_KILLED"); dir != "" {
		fetchUntilKilled(dir)
	}
	t.Parallel()
	const size = 200 << 20
	from := newStore(t)
	want := mustAdd(t, from, noise(1, size))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	var received int64
	kills := 0
	for done := false; !done; kills++ {
		if kills > 60 {
			t.Fatal("it does not come to an end")
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "BLOB_TEST_KILLED="+dir, "BLOB_TEST_CID="+want.CID, "BLOB_TEST_ADDR="+l.Addr().String())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = c.(*net.TCPConn).SetWriteBuffer(64 << 10)
		// Killed by the serving side, once so much was sent.
		served := &killing{Conn: c, left: 13<<20 + 777, kill: func() { _ = cmd.Process.Kill() }}
		_ = from.ServeStream(t.Context(), served, nil)
		_ = c.Close()
		done = cmd.Wait() == nil
		received += served.sent
	}
	b, err := store.Open(filepath.Join(dir, "index"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	to := openIn(t, filepath.Join(dir, "blobs"), b)
	sameFile(t, to, want.CID, noise(1, size))
	t.Logf("%d MiB sent for %d MiB in %d runs", received>>20, size>>20, kills)
	// A kill loses what was in the sockets and in the few buffers behind them.
	if most := int64(size + kills*(5<<20)); kills < 10 || received > most {
		t.Errorf("%d MiB were sent, at most %d were due", received>>20, most>>20)
	}
}

type killing struct {
	net.Conn
	left, sent int64
	kill       func()
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

func fetchUntilKilled(dir string) {
	b, err := store.Open(filepath.Join(dir, "index"), nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	s, err := Open(filepath.Join(dir, "blobs"), b, Config{})
	if err == nil {
		_, err = s.Fetch(context.Background(), os.Getenv("BLOB_TEST_CID"), Limits{Bytes: math.MaxUint64},
			Source{Name: "parent", Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
				c, err := (&net.Dialer{}).DialContext(ctx, "tcp", os.Getenv("BLOB_TEST_ADDR"))
				if err == nil {
					// Little in flight, so that a kill is charged to the store alone.
					err = c.(*net.TCPConn).SetReadBuffer(64 << 10)
				}
				return c, err
			}})
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_ = b.Close()
	os.Exit(0)
}
