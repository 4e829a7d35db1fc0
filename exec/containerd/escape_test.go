//go:build linux

package containerd_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/containerd"
	"infernet.tech/infernet/exec/exectest"
)

// countWriter keeps nothing of what is written to it.
type countWriter struct{ n int }

func (c *countWriter) Write(p []byte) (int, error) {
	c.n += len(p)
	return len(p), nil
}

// hostile is the runner and the image of these tests.
type hostile struct {
	r   *containerd.Runner
	img exec.Image
}

func (x hostile) task(id string, args ...string) exec.Task {
	return exec.Task{
		ID: id, Image: x.img, Args: args,
		Limits: exec.Limits{MemoryBytes: 128 << 20, DiskBytes: 16 << 20, PIDs: 64, WallClock: 10 * time.Minute, LogBytes: 64 << 10},
	}
}

func (x hostile) run(t *testing.T, task exec.Task) (exec.Result, string) {
	t.Helper()
	var out bytes.Buffer
	h, err := x.r.Start(t.Context(), task, exec.Streams{Stdout: &out, Stderr: &out})
	if err != nil {
		t.Fatal(err)
	}
	res, err := h.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Destroy(t.Context()); err != nil {
		t.Error(err)
	}
	t.Logf("%s: %s (exit %d): %s; cpu %v, memory %d", task.ID, res.Reason, res.ExitCode, res.Detail, res.CPU, res.MaxMemory)
	return res, out.String()
}

func TestHostile(t *testing.T) {
	needRoot(t)
	x := hostile{r: start(t, config(t)), img: exectest.Pack(t, exectest.Build(t, "./testdata/escape"))}
	t.Run("Escapes", x.escapes)
	t.Run("Endless", x.endless)
	t.Run("Gigabyte", x.gigabyte)
	t.Run("Scratch", x.scratch)
	t.Run("NoProgram", x.noProgram)
	// After all of it the runner still does its work.
	res, out := x.run(t, x.task("healthy", "scratch"))
	if !res.OK() {
		t.Errorf("afterwards: %+v %q", res, out)
	}
}

// escapes runs every attempt that returns, in one container.
func (x hostile) escapes(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	abstract := "infernet-escape-" + strconv.Itoa(os.Getpid())
	unixl, err := net.Listen("unix", "@"+abstract)
	if err != nil {
		t.Fatal(err)
	}
	defer unixl.Close()
	_, port, _ := net.SplitHostPort(tcp.Addr().String())
	task := x.task("escapes", "all")
	task.In = t.TempDir()
	task.Env = []string{"HOST_PORT=" + port, "HOST_ABSTRACT=" + abstract}
	res, out := x.run(t, task)
	if !res.OK() {
		t.Errorf("%+v", res)
	}
	if n := strings.Count(out, "denied "); n < 60 {
		t.Errorf("only %d attempts", n)
	}
	if strings.Contains(out, "ALLOWED") {
		t.Errorf("allowed:\n%s", out)
	}
	t.Log("\n" + out)
}

// endless runs what does not stop by itself. The clock ends two of them, and
// must not end the others before they have met their limit.
func (x hostile) endless(t *testing.T) {
	for _, c := range []struct {
		what   string
		wall   time.Duration
		reason exec.Reason
		detail string
	}{
		{"forkbomb", 2 * time.Second, exec.ReasonTimeout, "its limit of 64 processes"},
		{"forever", time.Second, exec.ReasonTimeout, "still running after 1s"},
		{"memory", 10 * time.Minute, exec.ReasonOOM, "memory"},
		{"disk", 10 * time.Minute, exec.ReasonDisk, "/out"},
		{"inodes", 10 * time.Minute, exec.ReasonDisk, "/out"},
		{"sparse", 10 * time.Minute, exec.ReasonDisk, "larger than the disk limit"},
	} {
		t.Run(c.what, func(t *testing.T) {
			task := x.task(c.what, c.what)
			task.Limits.WallClock = c.wall
			if c.what == "sparse" {
				task.Out = filepath.Join(t.TempDir(), "out")
			}
			begun := time.Now()
			res, out := x.run(t, task)
			// A machine with much else to do makes fewer processes in that time.
			for c.what == "forkbomb" && res.Reason == c.reason && !strings.Contains(res.Detail, c.detail) && task.Limits.WallClock < 4*time.Minute {
				task.Limits.WallClock *= 4
				begun = time.Now()
				res, out = x.run(t, task)
			}
			if res.Reason != c.reason || !strings.Contains(res.Detail, c.detail) {
				t.Errorf("%+v, want %q saying %q; %q", res, c.reason, c.detail, out)
			}
			if took := time.Since(begun); took > task.Limits.WallClock+3*time.Minute {
				t.Errorf("took %v", took)
			}
			// A margin for what the kernel and the runtime count to the group.
			if most := task.Limits.MemoryBytes + task.Limits.DiskBytes + 1<<20; res.MaxMemory > most {
				t.Errorf("used %d bytes of %d", res.MaxMemory, most)
			}
		})
	}
}

// gigabyte prints without end; the node must neither keep nor pass it on.
func (x hostile) gigabyte(t *testing.T) {
	before := resident(t)
	var got countWriter
	task := x.task("gigabyte", "flood")
	h, err := x.r.Start(t.Context(), task, exec.Streams{Stdout: &got})
	if err != nil {
		t.Fatal(err)
	}
	res, err := h.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Destroy(t.Context()); err != nil {
		t.Error(err)
	}
	if res.Reason != exec.ReasonLog || !res.LogTruncated || uint64(got.n) != task.Limits.LogBytes {
		t.Errorf("%+v with %d bytes", res, got.n)
	}
	if grown := resident(t) - before; grown > 32<<20 {
		t.Errorf("the node grew by %d bytes", grown)
	}
}

// resident is this process's memory in bytes.
func resident(t *testing.T) int {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages := 0
	if _, err := fmt.Sscanf(string(raw), "%d %d", new(int), &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func (x hostile) scratch(t *testing.T) {
	res, out := x.run(t, x.task("scratch", "scratch"))
	if !res.OK() || !strings.Contains(out, "/tmp took 16777216\n") || !strings.Contains(out, "/dev/shm took 16777216\n") {
		t.Errorf("%+v %q", res, out)
	}
}

// noProgram is an image that names nothing which could run.
func (x hostile) noProgram(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("this is no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	task := x.task("no-program")
	task.Image = exectest.Pack(t, text)
	_, err := x.r.Start(t.Context(), task, exec.Streams{})
	if !errors.Is(err, exec.ErrImage) {
		t.Errorf("%v", err)
	}
}
