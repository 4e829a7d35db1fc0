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
	packsOnFull(t, to)
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

// packsOnFull fills the disk with small files. Those that were written are
// whole, and all of the room comes back.
func packsOnFull(t *testing.T, s *Store) {
	t.Helper()
	p := s.newPacker()
	put := 0
	var err error
	for ; put < 2000 && err == nil; put++ {
		c, b := small(put, 10<<10)
		err = p.put(c, b)
	}
	if !errors.Is(err, ErrNoSpace) || errors.Is(err, ErrQuota) || put < 500 {
		t.Errorf("after %d small files: %v", put, err)
	}
	if err := p.flush(); !errors.Is(err, ErrNoSpace) {
		t.Errorf("flush of what does not fit: %v", err)
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
	found := openIn(t, s.dir, s.index)
	all, err := found.List()
	if err != nil || len(all) < put-100 || len(all) > put {
		t.Errorf("%d of %d files found, %v", len(all), put, err)
	}
	for _, i := range all {
		if err := found.Verify(t.Context(), i.CID); err != nil {
			t.Error(err)
		}
	}
	if _, err := found.GC(t.Context(), GCOptions{}); err != nil {
		t.Error(err)
	}
	if names, _ := packFiles(t, found); len(names) > 0 {
		t.Errorf("left: %v", names)
	}
	if err := errors.Join(found.Close(), s.Close()); err != nil {
		t.Error(err)
	}
}
