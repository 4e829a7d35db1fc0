//go:build linux

package containerd

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"infernet.tech/infernet/exec"
)

// TestResolve: an image's links lead about inside the image.
func TestResolve(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, "usr/lib"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "file"), nil, 0o644))
	for name, to := range map[string]string{
		"lib": "usr/lib", "lib64": "/usr/lib", "up": "../../../../usr", "usr/lib/loop": "loop", "usr/lib/back": "../../lib",
		"usr/lib/libcuda.so.1": "libcuda.so.5", "usr/lib/proc": "/proc",
	} {
		must(t, os.Symlink(to, filepath.Join(root, name)))
	}
	for dest, want := range map[string]string{
		"/usr/lib/x": "/usr/lib/x", "/lib/x": "/usr/lib/x", "/lib64/a/b": "/usr/lib/a/b", "/up/lib/x": "/usr/lib/x",
		"/usr/lib/back/x": "/usr/lib/x", "/new/place": "/new/place", "/lib/libcuda.so.1": "/usr/lib/libcuda.so.1",
		"/lib/proc/x": "/proc/x",
	} {
		if got, err := resolve(root, dest); err != nil || got != want {
			t.Errorf("%s leads to %q, %v, want %q", dest, got, err, want)
		}
	}
	for _, dest := range []string{"/file/x", "/lib/loop/x"} {
		if got, err := resolve(root, dest); !errors.Is(err, exec.ErrImage) {
			t.Errorf("%s leads to %q, %v", dest, got, err)
		}
	}
	h := &task{img: &prepared{rootfs: root}}
	h.gpus.Mounts = []exec.BindMount{{Source: "/etc", Destination: "/usr/lib/proc/x"}}
	if _, err := h.gpuMounts(); !errors.Is(err, exec.ErrImage) {
		t.Errorf("an image moved a mount into /proc: %v", err)
	}
}

// TestDialSocket is what a stranger may put where his socket should be, without
// a container around it.
func TestDialSocket(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "dial") // short, for the sake of the sockets
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "good"))
	must(t, err)
	defer l.Close()
	must(t, os.Symlink(filepath.Join(dir, "good"), filepath.Join(dir, "link")))
	must(t, os.Symlink("good", filepath.Join(dir, "relative")))
	must(t, os.Symlink("nothing", filepath.Join(dir, "dangling")))
	must(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o666))
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o666))
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o777))
	for _, name := range []string{"link", "relative", "dangling", "fifo", "file", "folder", "missing"} {
		if c, err := dialSocket(t.Context(), dir, name); !errors.Is(err, exec.ErrNotServing) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	c, err := dialSocket(t.Context(), dir, "good")
	must(t, err)
	c.Close()
}

// TestOpenNetns: a process that is not the task's is not entered.
func TestOpenNetns(t *testing.T) {
	t.Parallel()
	if f, err := openNetns(uint32(os.Getpid()), "/infernet/0123456789ab/task"); err == nil {
		t.Errorf("opened %s of this process", f.Name())
	}
	if !inCgroup("1:name=x:/\n5:memory:/docker/c/infernet/i/t\n", "/infernet/i/t") || inCgroup("0::/infernet/i/t2\n", "/infernet/i/t") {
		t.Error("inCgroup")
	}
}
