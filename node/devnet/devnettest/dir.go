//go:build linux

package devnettest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"infernet.tech/infernet/node/devnet"
)

// owned is the file in a test's folder that its process holds locked: a folder in
// which nobody does is what a run left that was cut off.
const owned = "owned"

// Dir makes a folder whose name leaves room for the paths of sockets. What runs
// that were cut off left in such folders is taken away first, nodes, containers
// and mounts included.
func Dir(t testing.TB) string {
	t.Helper()
	sweep(t)
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		t.Fatal(err)
	}
	// It has its name only once it is locked: nobody finds it without.
	unlock, err := devnet.Lock(filepath.Join(dir, "new"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, owned)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir); unlock() })
	return dir
}

// sweep takes away what is nobody's any more.
func sweep(t testing.TB) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(os.TempDir(), "e2e*", owned))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		unlock, err := devnet.Lock(f)
		if err != nil {
			continue // its test runs
		}
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		if err = devnet.Down(ctx, filepath.Dir(f)); err == nil {
			err = os.RemoveAll(filepath.Dir(f))
		}
		if err != nil {
			t.Logf("what a run left that was cut off stays: %v", err)
		}
		cancel()
		unlock()
	}
}
