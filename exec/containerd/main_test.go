//go:build linux

package containerd_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/containerd"
	"infernet.tech/infernet/exec/exectest"
)

// needRoot says plainly why a test does not run. As root they always do.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("containers need root; run the tests as root to have this one")
	}
}

// programs finds the runtime's programs where `make` puts them, or builds them
// from the pinned module, once for the whole test run.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs("../../bin/runtime")
	if err != nil {
		return "", err
	}
	missing := false
	for _, p := range []string{"containerd", "containerd-shim-runc-v2", "runc"} {
		if _, err := os.Stat(filepath.Join(dir, p)); err != nil {
			missing = true
		}
	}
	if !missing {
		return dir, nil
	}
	for _, b := range []struct{ cgo, tags, pkg string }{
		{"0", "no_btrfs,no_zfs,no_devmapper,no_cri", "github.com/containerd/containerd/v2/cmd/containerd"},
		{"0", "no_btrfs,no_zfs,no_devmapper,no_cri", "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"},
		{"1", "seccomp", "github.com/opencontainers/runc"},
	} {
		cmd := osexec.Command("go", "build", "-trimpath", "-tags", b.tags, "-ldflags", "-s -w", "-o", dir+"/", b.pkg)
		cmd.Dir = "runtime"
		cmd.Env = append(os.Environ(), "CGO_ENABLED="+b.cgo)
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", errors.New(b.pkg + ": " + err.Error() + "\n" + string(out))
		}
	}
	return dir, nil
})

// config is that of a runner with a root of its own.
func config(t testing.TB) containerd.Config {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatalf("runtime programs: %v", err)
	}
	cfg := containerd.Default(filepath.Join(t.TempDir(), "root"))
	cfg.BinDir = bin
	return cfg
}

// start runs a runner until the test ends, and then sees that nothing of it is
// left on the machine.
func start(t testing.TB, cfg containerd.Config) *containerd.Runner {
	t.Helper()
	r, err := containerd.New(cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() { failed <- r.Run(context.Background()) }()
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		socket, _ := r.Address()
		for _, left := range leftovers(cfg.Root, socket) {
			t.Errorf("left behind: %s", left)
		}
	})
	select {
	case <-r.Ready():
	case err := <-failed:
		t.Fatalf("run: %v", err)
	case <-time.After(3 * time.Minute):
		t.Fatal("not ready")
	}
	return r
}

// leftovers lists processes, mounts, cgroups and sockets of a runner.
func leftovers(root, socket string) []string {
	var found []string
	cmdlines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range cmdlines {
		raw, _ := os.ReadFile(f)
		line := strings.ReplaceAll(string(raw), "\x00", " ")
		if strings.Contains(line, filepath.Dir(socket)) && !strings.Contains(f, "/proc/self") {
			found = append(found, f+": "+line)
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, filepath.Dir(socket)) || strings.Contains(line, root) {
			found = append(found, "mount "+line)
		}
	}
	instance := filepath.Base(filepath.Dir(socket))
	for _, pattern := range []string{"/sys/fs/cgroup/infernet/", "/sys/fs/cgroup/*/infernet/"} {
		groups, _ := filepath.Glob(pattern + instance)
		found = append(found, groups...)
	}
	if _, err := os.Stat(filepath.Dir(socket)); err == nil {
		found = append(found, filepath.Dir(socket))
	}
	return found
}

func TestConformance(t *testing.T) {
	needRoot(t)
	img := exectest.Layout(t)
	r := start(t, config(t))
	exectest.Conformance(t, r, img, func(t testing.TB) exec.Runner { return start(t, config(t)) })
}
