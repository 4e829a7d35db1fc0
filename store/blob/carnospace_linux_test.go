package blob

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"infernet.tech/infernet/store"
)

// TestCARNoSpace takes a CAR in where there is no room for it, and again once
// there is.
func TestCARNoSpace(t *testing.T) {
	if dir := os.Getenv("BLOB_TEST_CAR_NOSPACE"); dir != "" {
		importOntoFull(t, dir)
		return
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCARNoSpace$")
	cmd.Env = append(os.Environ(), "BLOB_TEST_CAR_NOSPACE="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, os.ErrPermission) {
		t.Skip("needs the right to mount")
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func importOntoFull(t *testing.T, dir string) {
	mount := func(flags uintptr, size string) {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, "size="+size); err != nil {
			t.Fatal(err)
		}
	}
	path, root := carOf(t, noise(1, 16<<20))
	mount(0, "8m")
	to := openIn(t, dir, store.NewMem())
	if got, err := to.ImportCAR(t.Context(), path, Limits{}); !errors.Is(err, ErrNoSpace) || len(got) > 0 || to.Has(root) {
		t.Errorf("%v, %v", got, err)
	}
	swept(t, to)
	mount(syscall.MS_REMOUNT, "64m")
	if _, err := to.ImportCAR(t.Context(), path, Limits{}); err != nil {
		t.Fatal(err)
	}
	sameFile(t, to, root, noise(1, 16<<20))
	clean(t, to)
}
