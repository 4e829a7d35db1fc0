package store

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestNoSpace fills a small file system, mounted where only a process of its
// own sees it, and makes room by deleting.
func TestNoSpace(t *testing.T) {
	if dir := os.Getenv("STORE_TEST_NOSPACE"); dir != "" {
		if err := fillDisk(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^TestNoSpace$")
	cmd.Env = append(os.Environ(), "STORE_TEST_NOSPACE="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, os.ErrPermission) {
		t.Skip("needs the right to mount")
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func fillDisk(dir string) error {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		return err
	}
	b, err := Open(dir, nil)
	if err != nil {
		return err
	}
	set := func(i int) error {
		return b.Update(func(x Txn) error { return x.Set(fmt.Append(nil, i), make([]byte, 1<<20)) })
	}
	n := 0
	for ; err == nil && n < 200; n++ {
		err = set(n)
	}
	if !errors.Is(err, ErrNoSpace) {
		return fmt.Errorf("after %d MiB: %w", n, err)
	}
	if err := b.Update(func(x Txn) error { return x.Delete([]byte("0")) }); err != nil {
		return fmt.Errorf("delete on a full disk: %w", err)
	}
	return b.Close()
}
