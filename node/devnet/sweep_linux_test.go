package devnet

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"infernet.tech/infernet/node/api"
)

func TestDownUnmounts(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root; run the tests as root to have this one")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	outer := filepath.Join(dir, "provider1", "a folder")
	inner := filepath.Join(outer, "inner")
	for _, path := range []string{outer, inner} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("tmpfs", path, "tmpfs", 0, "size=64k"); err != nil {
			t.Skipf("this machine does not let root mount: %v", err)
		}
	}
	if m, err := mountsBelow(dir); err != nil || len(m) != 2 || m[0] != outer || m[1] != inner {
		t.Errorf("mounts %q, %v", m, err)
	}
	if err := Down(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if m, err := mountsBelow(dir); err != nil || len(m) != 0 {
		t.Errorf("mounts %q, %v", m, err)
	}
}

func TestDownEndsNodesStartedByHand(t *testing.T) {
	t.Parallel()
	n, _ := up(t, fake(t.TempDir(), func(c *Config) { c.Providers, c.Cheaters = 0, 0 }))
	client, _ := n.Node("client")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "node")
	cmd.Env = append(os.Environ(), fakeEnv+"=1", "INFERNET_HOME="+client.Home)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	until(t, "the node runs", func() bool {
		f, err := api.ReadFile(client.Home)
		return err == nil && f.PID == cmd.Process.Pid
	})
	if found := nodesBelow(n.dir); len(found) != 3 {
		t.Errorf("found %v, want three nodes", found)
	}
	if err := Down(t.Context(), n.dir); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("it was not asked to end: %v", err)
	}
}
