package store

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

func TestOpenLocked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, nil); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b, err = Open(dir, nil)
	if err != nil {
		t.Fatalf("open after close: %v", err)
	}
	if err := errors.Join(b.Close(), b.Close()); err != nil {
		t.Error(err)
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = b.db.Update(func(txn *badger.Txn) error { return txn.Set(schemaKey, []byte("999")) })
	if err := errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, nil); !errors.Is(err, ErrSchema) {
		t.Errorf("open of a newer database: %v", err)
	}
	// The refusal must have released the directory.
	if _, err := Open(dir, nil); errors.Is(err, ErrLocked) {
		t.Error("the refused database stayed locked")
	}
}

// TestKilled has another process of this test write and be killed without any
// warning; what Update acknowledged must be there.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("STORE_TEST_KILLED"); dir != "" {
		writeUntilKilled(dir)
	}
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "STORE_TEST_KILLED="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last := -1
	for last < 20 {
		if _, err := fmt.Fscanf(out, "%d\n", &last); err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()

	b, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	err = b.View(func(r Reader) error {
		for i := 0; i <= last; i++ {
			if _, err := r.Get([]byte(strconv.Itoa(i))); err != nil {
				return fmt.Errorf("record %d: %w", i, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func writeUntilKilled(dir string) {
	b, err := Open(dir, nil)
	for i := 0; err == nil; i++ {
		err = b.Update(func(x Txn) error { return x.Set([]byte(strconv.Itoa(i)), make([]byte, 2000)) })
		fmt.Println(i)
	}
	fmt.Println(err)
	os.Exit(1)
}

// TestIdleMemory measures in a process of its own what an open database adds
// to the resident set.
func TestIdleMemory(t *testing.T) {
	if runtime.GOOS != "linux" || raceDetector {
		t.Skip("reads /proc, and means nothing under the race detector")
	}
	if dir := os.Getenv("STORE_TEST_MEMORY"); dir != "" {
		measureIdle(dir)
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^TestIdleMemory$")
	cmd.Env = append(os.Environ(), "STORE_TEST_MEMORY="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var before, after int
	if _, err := fmt.Sscanf(string(out), "%d %d", &before, &after); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("resident: %d KiB before, %d KiB with an idle database of 20 MB", before, after)
	if after-before > 24<<10 {
		t.Errorf("an idle database costs %d KiB", after-before)
	}
}

func measureIdle(dir string) {
	before := rss()
	fill, err := Open(dir, nil)
	for i := 0; err == nil && i < 40; i++ {
		err = fill.Update(func(x Txn) error {
			for j := range 500 {
				if err := x.Set(fmt.Appendf(nil, "%d/%d", i, j), make([]byte, 900)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err == nil {
		err = fill.Close()
	}
	b, err2 := Open(dir, nil)
	if err := errors.Join(err, err2); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	debug.FreeOSMemory()
	fmt.Println(before, rss())
	_ = b.Close()
	os.Exit(0)
}

func rss() int {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	n, _ := strconv.Atoi(strings.Fields(rest)[0])
	return n
}

// A process may be killed between the making of a log and its first write.
func TestOpenAfterAKillInTheWorstMoment(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"00078.mem", "000078.vlog"} {
		dir := t.TempDir()
		b, err := Open(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Update(func(x Txn) error { return x.Set([]byte("k"), []byte("v")) }); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err = Open(dir, nil); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := b.View(func(r Reader) error { _, err := r.Get([]byte("k")); return err }); err != nil {
			t.Error(err)
		}
		_ = b.Close()
	}
}
