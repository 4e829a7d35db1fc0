//go:build !windows

package devnet

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// until waits for something that other processes bring about.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	limit := time.NewTimer(3 * time.Minute)
	defer limit.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-limit.C:
			t.Fatalf("still not: %s", what)
		case <-tick.C:
		}
	}
}

func up(t *testing.T, cfg Config) (*Network, []record) {
	t.Helper()
	n, err := Up(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := n.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	records, err := readRecords(n.dir)
	if err != nil || len(records) != len(n.Nodes) {
		t.Fatalf("%d records of %d nodes, %v", len(records), len(n.Nodes), err)
	}
	return n, records
}

// allReady waits until the five nodes of a folder say that they are: each has a
// few seconds to answer.
func allReady(t *testing.T, dir string) {
	t.Helper()
	until(t, "all are ready", func() bool {
		all, err := Status(t.Context(), dir)
		if err != nil || len(all) != 5 {
			t.Fatalf("status %+v, %v", all, err)
		}
		return !slices.ContainsFunc(all, func(s NodeStatus) bool { return !s.Ready || !s.Running })
	})
}

func TestUpStatusDown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n, records := up(t, fake(dir))
	var names []string
	for _, x := range n.Nodes {
		names = append(names, x.Name)
	}
	if want := []string{"relay", "provider1", "provider2", "cheater1", "client"}; !slices.Equal(names, want) {
		t.Errorf("nodes %v, want %v", names, want)
	}
	read, err := Open(dir)
	if err != nil || len(read.Nodes) != 5 {
		t.Fatalf("%+v, %v", read, err)
	}
	cheater, _ := read.Node("cheater1")
	c, err := cheater.Client()
	if err != nil {
		t.Fatal(err)
	}
	st, err := c.Status(t.Context())
	if err != nil || cheater.NPub != "npub-cheater1" || c.Addr() != cheater.API {
		t.Errorf("%+v, %v", cheater, err)
	}
	for _, flag := range []string{"--cheat wrong", "--role provider", "--network devnet-", "--bootstrap /at/relay", "--mdns=false"} {
		if !strings.Contains(st.Network, flag) {
			t.Errorf("cheater's flags %s lack %s", st.Network, flag)
		}
	}
	allReady(t, dir)
	if _, err := Up(t.Context(), fake(dir)); !errors.Is(err, ErrRunning) {
		t.Errorf("second network: %v", err)
	}
	for range 2 {
		if err := Down(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	if anyAlive(records) {
		t.Error("nodes run after Down")
	}
	if _, err := Status(t.Context(), dir); !errors.Is(err, ErrNone) {
		t.Errorf("status after Down: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "client", "api.json")); !errors.Is(err, os.ErrNotExist) {
		t.Error("an API file stays behind")
	}
}

func TestNodeThatDies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := Up(t.Context(), fake(dir, func(c *Config) { c.NodeArgs = []string{"--die"} }))
	if !errors.Is(err, ErrNode) || !strings.Contains(err.Error(), "relay") || !strings.Contains(err.Error(), "the sky is falling") {
		t.Errorf("got %v", err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrNone) {
		t.Errorf("a network is left: %v", err)
	}
}

func TestStubbornNodesAreKilled(t *testing.T) {
	t.Parallel()
	n, records := up(t, fake(t.TempDir(), func(c *Config) { c.Providers, c.Cheaters, c.NodeArgs = 0, 0, []string{"--stubborn"} }))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := Down(ctx, n.dir); err != nil {
		t.Fatal(err)
	}
	if anyAlive(records) {
		t.Error("nodes run after Down")
	}
}

// parent runs Up in another process.
func parent(t *testing.T, dir, mode string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "parent", dir, mode)
	cmd.Env = append(os.Environ(), fakeEnv+"=1")
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "up 5\n" {
		t.Fatalf("parent said %q, %v", line, err)
	}
	return cmd
}

func TestNodesEndWithTheirParent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := parent(t, dir, "attach")
	records, err := readRecords(dir)
	if err != nil || len(records) != 5 {
		t.Fatal(records, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	until(t, "nodes end with their parent", func() bool { return !anyAlive(records) })
	// What the killed one left is in nobody's way.
	up(t, fake(dir))
}

func TestDetachedNodesOutliveTheirParent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := parent(t, dir, "detach").Wait(); err != nil {
		t.Fatal(err)
	}
	allReady(t, dir)
	records, err := readRecords(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := Down(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if anyAlive(records) {
		t.Error("nodes run after Down")
	}
}

func TestOnePidIsNotAnother(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mark, err := startMark(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	r := record{Name: "relay", PID: os.Getpid(), Mark: mark}
	if !r.alive() {
		t.Error("this process is not alive")
	}
	// Our own pid, as that of a process of long ago. Down must not end us.
	r.Mark = "another boot/1"
	if err := appendRecord(dir, r); err != nil {
		t.Fatal(err)
	}
	if r.alive() {
		t.Error("another process is taken for this one")
	}
	if err := Down(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
}

func TestOneAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	unlock, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := Down(t.Context(), dir); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
	unlock()
	if err := Down(t.Context(), dir); err != nil {
		t.Error(err)
	}
	if err := Down(t.Context(), filepath.Join(dir, "none")); err != nil {
		t.Errorf("no such folder: %v", err)
	}
}
