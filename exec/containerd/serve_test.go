//go:build linux

package containerd_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest"
	"infernet.tech/infernet/exec/exectest/script"
)

// trap is a listener of the host that no task must ever make us connect to.
func trap(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "trap")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		os.RemoveAll(dir)
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Error("the host's own socket was connected to")
			c.Close()
		}
	}()
	return l.Addr().String()
}

// serving starts a task that does a trick, and returns when it is done, with
// what it printed before. The trick is in place while the test runs.
func (x hostile) serving(t *testing.T, trick string, env ...string) (exec.Handle, string) {
	t.Helper()
	task := x.task("serve-"+trick, "serve", trick)
	task.Env, task.Serve = env, "unix"
	if strings.HasSuffix(trick, "-tcp") {
		task.Serve = "tcp:8080"
	}
	out, in := io.Pipe()
	h, err := x.r.Start(t.Context(), task, exec.Streams{Stdout: in})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		out.Close()
		if err := h.Destroy(context.Background()); err != nil {
			t.Error(err)
		}
	})
	said := ""
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("%q, %v", said+line, err)
		}
		if line == "up\n" {
			return h, said
		}
		said += line
	}
}

func TestHostileServing(t *testing.T) {
	needRoot(t)
	x := hostile{r: start(t, config(t)), img: exectest.Pack(t, exectest.Build(t, "./testdata/escape"))}
	host := trap(t)
	for _, trick := range []string{"symlink", "dangling", "loop", "fifo", "file", "folder", "datagram", "stale", "device"} {
		t.Run(trick, func(t *testing.T) {
			h, _ := x.serving(t, trick, "HOST_SOCKET="+host)
			// A fifo that was opened would hold us until the context ends.
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if c, err := h.Dial(ctx); !errors.Is(err, exec.ErrNotServing) {
				t.Errorf("dialled %v, %v", c, err)
			}
		})
	}
	t.Run("swap", func(t *testing.T) { x.swap(t, host) })
	t.Run("full", x.full)
	t.Run("deaf", func(t *testing.T) { x.deaf(t, "deaf") })
	t.Run("deaf-tcp", func(t *testing.T) { x.deaf(t, "deaf-tcp") })
	t.Run("endless", x.endlessServing)
	t.Run("escapes", x.escapesServing)
}

// swap dials while the task puts a link in place of its socket and back.
func (x hostile) swap(t *testing.T, host string) {
	h, _ := x.serving(t, "swap", "HOST_SOCKET="+host)
	connected, refused := 0, 0
	deadline := time.Now().Add(3 * time.Minute)
	for n := 0; n < 5000 || (connected == 0 || refused == 0) && time.Now().Before(deadline); n++ {
		c, err := h.Dial(t.Context())
		switch {
		case err == nil:
			connected++
			c.Close()
		case errors.Is(err, exec.ErrNotServing):
			refused++
		default:
			t.Fatal(err)
		}
	}
	t.Logf("%d connected, %d refused", connected, refused)
	if connected == 0 || refused == 0 {
		t.Error("nothing was swapped: this test shows nothing")
	}
}

// full looks at the folder from outside, too.
func (x hostile) full(t *testing.T) {
	h, said := x.serving(t, "full")
	t.Log(said)
	var files, bytes int
	if _, err := fmt.Sscanf(said, "%d files, %d bytes", &files, &bytes); err != nil || files > 16 || bytes > 64<<10 {
		t.Errorf("%q, %v", said, err)
	}
	if c, err := h.Dial(t.Context()); !errors.Is(err, exec.ErrNotServing) {
		t.Errorf("dialled %v, %v", c, err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		words := strings.Fields(line)
		if !strings.HasSuffix(words[4], "/serve-full/engine") {
			continue
		}
		for _, want := range []string{"nosuid", "nodev", "noexec", "size=64k", "nr_inodes=16"} {
			if !strings.Contains(line, want) {
				t.Errorf("not %s: %s", want, line)
			}
		}
		info, err := os.Stat(filepath.Dir(words[4]))
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("others may look into %s: %v, %v", filepath.Dir(words[4]), info.Mode(), err)
		}
		return
	}
	t.Error("no such mount")
}

// deaf is a program that takes no connections: the caller's context decides.
func (x hostile) deaf(t *testing.T, trick string) {
	h, _ := x.serving(t, trick)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var err error
	taken := 0
	for ; err == nil && taken < 100; taken++ {
		var c net.Conn
		if c, err = h.Dial(ctx); err == nil {
			defer c.Close()
		}
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after %d connections: %v", taken, err)
	}
	// The end of the task frees a caller who set himself no limit.
	freed := make(chan error, 1)
	go func() {
		_, err := h.Dial(context.WithoutCancel(t.Context()))
		freed <- err
	}()
	if err := h.Stop(t.Context(), 0); err != nil {
		t.Error(err)
	}
	select {
	case err := <-freed:
		if !errors.Is(err, exec.ErrNotServing) {
			t.Errorf("dialled a dead task: %v", err)
		}
	case <-time.After(3 * time.Minute):
		t.Error("still dialling a dead task")
	}
}

// endlessServing: what the program sends waits in the kernel until it is read.
func (x hostile) endlessServing(t *testing.T) {
	h, _ := x.serving(t, "endless")
	before := resident(t)
	c, err := h.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.CopyN(io.Discard, c, 64<<20); err != nil {
		t.Error(err)
	}
	if grown := resident(t) - before; grown > 32<<20 {
		t.Errorf("the node grew by %d bytes", grown)
	}
}

// escapesServing: serving opens none of the other doors.
func (x hostile) escapesServing(t *testing.T) {
	for _, where := range []string{"unix", "tcp:8080"} {
		task := x.task("escapes-"+where[:3], "all")
		task.Serve, task.In = where, t.TempDir()
		if res, out := x.run(t, task); !res.OK() || strings.Contains(out, "ALLOWED") || strings.Count(out, "denied ") < 60 {
			t.Errorf("%+v\n%s", res, out)
		}
	}
}

// TestScratchSize: the scratch has the size asked for, and counts as memory.
func TestScratchSize(t *testing.T) {
	needRoot(t)
	x := hostile{r: start(t, config(t)), img: exectest.Pack(t, exectest.Build(t, "./testdata/escape"))}
	task := x.task("scratch", "scratch")
	task.Limits.ScratchBytes = 40 << 20
	res, out := x.run(t, task)
	if !res.OK() || !strings.Contains(out, "/tmp took 41943040\n") || !strings.Contains(out, "/dev/shm took 41943040\n") {
		t.Errorf("%+v %q", res, out)
	}
	if res.MaxMemory < 80<<20 {
		t.Errorf("the scratch was not counted: %d bytes", res.MaxMemory)
	}
	task.Limits.ScratchBytes = 100 << 20 // two of them are beyond the 128 MiB of memory
	if res, out := x.run(t, task); res.Reason != exec.ReasonOOM {
		t.Errorf("%+v %q", res, out)
	}
}

// TestDialLeavesNothing: no thread stays in a task's network, least of all the
// first one, and no descriptor stays open.
func TestDialLeavesNothing(t *testing.T) {
	needRoot(t)
	r := start(t, config(t))
	h, err := r.Start(t.Context(), exec.Task{
		ID: "threads", Image: exectest.Layout(t), Serve: "tcp:8080", Env: []string{script.Serve + "=tcp:8080", script.Sleep + "=1h"},
	}, exec.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	exectest.WaitServing(t, h)
	before, own := len(glob(t, "/proc/self/fd/*")), netns(t, "/proc/self")
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 10 {
				c, err := h.Dial(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	if now := netns(t, "/proc/self"); now != own {
		t.Errorf("this process is in %s, and was in %s", now, own)
	}
	if now := len(glob(t, "/proc/self/fd/*")); now > before+5 {
		t.Errorf("%d descriptors, and there were %d", now, before)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(3 * time.Minute)
	for astray := true; astray; {
		astray = false
		for _, thread := range glob(t, "/proc/self/task/*") {
			if ns, err := os.Readlink(thread + "/ns/net"); err == nil && ns != own {
				astray = true
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("threads stay in the task's network")
		}
	}
	if err := h.Destroy(t.Context()); err != nil {
		t.Error(err)
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func netns(t *testing.T, process string) string {
	t.Helper()
	ns, err := os.Readlink(process + "/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

// BenchmarkDial has what the same costs on the host beside it.
func BenchmarkDial(b *testing.B) {
	needRoot(b)
	r := start(b, config(b))
	img := exectest.Layout(b)
	for _, where := range []string{"unix", "tcp:8080"} {
		b.Run(where, func(b *testing.B) {
			h, err := r.Start(b.Context(), exec.Task{
				ID: "bench-dial", Image: img, Serve: where, Env: []string{script.Serve + "=" + where, script.Sleep + "=1h"},
			}, exec.Streams{})
			if err != nil {
				b.Fatal(err)
			}
			defer func() {
				if err := h.Destroy(context.Background()); err != nil {
					b.Error(err)
				}
			}()
			exectest.WaitServing(b, h)
			dials(b, h.Dial)
		})
	}
	for network, address := range map[string]string{"unix": "@infernet-bench-dial", "tcp": "127.0.0.1:0"} {
		b.Run("host-"+network, func(b *testing.B) {
			l, err := net.Listen(network, address)
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			go func() {
				for c, err := l.Accept(); err == nil; c, err = l.Accept() {
					c.Close()
				}
			}()
			dials(b, func(ctx context.Context) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
			})
		})
	}
}

func dials(b *testing.B, dial func(context.Context) (net.Conn, error)) {
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		c, err := dial(b.Context())
		took = append(took, time.Since(begun))
		if err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
}
