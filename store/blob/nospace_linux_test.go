package blob

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"infernet.tech/infernet/store"
)

// TestNoSpace fetches onto a file system that is too small, mounted where only
// a process of its own sees it, and goes on once there is room.
func TestNoSpace(t *testing.T) {
	if dir := os.Getenv("BLOB_TEST_NOSPACE"); dir != "" {
		fetchOntoFull(t, dir)
		return
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^TestNoSpace$")
	cmd.Env = append(os.Environ(), "BLOB_TEST_NOSPACE="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, os.ErrPermission) {
		t.Skip("needs the right to mount")
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func fetchOntoFull(t *testing.T, dir string) {
	mount := func(flags uintptr, mib int) {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, fmt.Sprintf("size=%dm", mib)); err != nil {
			t.Fatal(err)
		}
	}
	mount(0, 8)
	from := newStore(t)
	want := mustAdd(t, from, noise(1, 16<<20))
	to := openIn(t, dir, store.NewMem())
	if _, err := to.Add(t.Context(), noise(2, 16<<20)); !errors.Is(err, ErrNoSpace) {
		t.Errorf("add: %v", err)
	}
	clean(t, to)
	var src *SourceError
	_, err := to.Fetch(t.Context(), want.CID, Limits{}, serving(t, from), serving(t, from))
	if !errors.Is(err, ErrNoSpace) || !errors.As(err, &src) || errors.Is(err, ErrNoSource) || to.Has(want.CID) {
		t.Errorf("fetch: %v", err)
	}
	mount(syscall.MS_REMOUNT, 64)
	var read int64
	if _, err := to.Fetch(t.Context(), want.CID, Limits{}, cutting(serving(t, from), &read, 1<<40)); err != nil {
		t.Fatal(err)
	}
	// Of the 8 MiB that fit, the blocks on their way when the disk was full
	// (one a worker and two) come again, and each has a header.
	if read > 12<<20+64<<10 {
		t.Errorf("%d bytes were fetched again", read)
	}
	sameFile(t, to, want.CID, noise(1, 16<<20))
	clean(t, to)
}
