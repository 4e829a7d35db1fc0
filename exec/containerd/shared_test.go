//go:build linux

package containerd_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/client"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/containerd"
	"infernet.tech/infernet/exec/exectest"
	"infernet.tech/infernet/exec/exectest/script"
)

// TestGivenSocket runs tasks on a daemon that is another's, here that of a
// second runner, and leaves nothing there.
func TestGivenSocket(t *testing.T) {
	needRoot(t)
	owner := start(t, config(t))
	socket, _ := owner.Address()
	cfg := containerd.Default(filepath.Join(t.TempDir(), "root"))
	cfg.Socket, cfg.Namespace = socket, "guest"
	img := exectest.Layout(t)

	r, err := containerd.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.Run(t.Context()) }()
	task := exec.Task{ID: "guest", Image: img, Env: []string{script.Exit + "=4"}}
	h, err := r.Start(t.Context(), task, exec.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := h.Wait(t.Context()); err != nil || res.ExitCode != 4 {
		t.Errorf("%+v, %v", res, err)
	}
	for id, where := range map[string]string{"guest-2": "unix", "guest-3": "tcp:8080"} {
		task.ID, task.Serve, task.Env = id, where, []string{script.Sleep + "=1h", script.Serve + "=" + where}
		h, err := r.Start(t.Context(), task, exec.Streams{})
		if err != nil {
			t.Fatal(err)
		}
		exectest.WaitServing(t, h)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := containers(t, socket, "guest"); n != 0 {
		t.Errorf("%d containers left", n)
	}
}

// TestGivenSocketRecover kills a node whose daemon lives on.
func TestGivenSocketRecover(t *testing.T) {
	needRoot(t)
	owner := start(t, config(t))
	socket, _ := owner.Address()
	cfg := containerd.Default(filepath.Join(t.TempDir(), "root"))
	cfg.Socket = socket
	cmd := startVictim(t, cfg, exectest.Layout(t))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if n := containers(t, socket, "infernet"); n != 3 {
		t.Errorf("%d containers after the kill", n)
	}
	r, err := containerd.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = r.Run(t.Context()) }()
	if ids, err := r.Recover(t.Context()); err != nil || len(ids) != 3 {
		t.Errorf("recovered %q, %v", ids, err)
	}
	if n := containers(t, socket, "infernet"); n != 0 {
		t.Errorf("%d containers left", n)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// containers counts those of a namespace.
func containers(t *testing.T, socket, namespace string) int {
	t.Helper()
	c, err := client.New(socket, client.WithDefaultNamespace(namespace))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all, err := c.Containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestOutOnDisk has a result larger than is kept in memory.
func TestOutOnDisk(t *testing.T) {
	needRoot(t)
	cfg := config(t)
	cfg.OutInMemory = 1 << 20
	r := start(t, cfg)
	img := exectest.Layout(t)
	for _, c := range []struct {
		fill   string
		reason exec.Reason
	}{{"31000000", exec.ReasonOK}, {"60000000", exec.ReasonDisk}} {
		task := exec.Task{
			ID: "on-disk-" + c.fill, Image: img, Env: []string{script.Fill + "=" + c.fill}, Out: filepath.Join(t.TempDir(), "out"),
			// Less memory than result: what is written goes to the disk.
			Limits: exec.Limits{DiskBytes: 32 << 20, MemoryBytes: 20 << 20},
		}
		begun := time.Now()
		h, err := r.Start(t.Context(), task, exec.Streams{})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("started in %v", time.Since(begun))
		if res, err := h.Wait(t.Context()); err != nil || res.Reason != c.reason {
			t.Errorf("%+v, %v", res, err)
		}
		if got, err := os.ReadDir(task.Out); err != nil || len(got) != 1 && c.reason == exec.ReasonOK {
			t.Errorf("result %v, %v", got, err)
		}
		if err := h.Destroy(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestMissingProgram: the message names the program that is not there.
func TestMissingProgram(t *testing.T) {
	needRoot(t)
	cfg := config(t)
	cfg.BinDir = t.TempDir()
	r, err := containerd.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); !errors.Is(err, exec.ErrNoRuntime) {
		t.Errorf("%v", err)
	}
	if _, err := r.Start(t.Context(), exec.Task{ID: "x", Image: exectest.Layout(t)}, exec.Streams{}); !errors.Is(err, exec.ErrClosed) {
		t.Errorf("%v", err)
	}
}
