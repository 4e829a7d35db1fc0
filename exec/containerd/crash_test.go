//go:build linux

package containerd_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/containerd"
	"infernet.tech/infernet/exec/exectest"
	"infernet.tech/infernet/exec/exectest/script"
)

// victim makes this test binary a node that starts tasks and waits to be
// killed.
const victim = "INFERNET_TEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(victim) != "" {
		if err := beVictim(); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		select {}
	}
	os.Exit(m.Run())
}

func beVictim() error {
	cfg := containerd.Default(os.Getenv(victim))
	cfg.BinDir = os.Getenv("VICTIM_BIN")
	cfg.Socket = os.Getenv("VICTIM_SOCKET")
	cfg.OutInMemory = 1 << 20
	cfg.Inject = injectFake
	r, err := containerd.New(cfg, slog.Default())
	if err != nil {
		return err
	}
	go func() { fmt.Println("ended:", r.Run(context.Background())) }()
	<-r.Ready()
	img := exec.Image{Digest: os.Getenv("VICTIM_IMAGE"), Layout: os.Getenv("VICTIM_LAYOUT")}
	for i, disk := range []uint64{1 << 20, 8 << 20, 0} {
		task := exec.Task{
			ID: fmt.Sprintf("victim-%d", i), Image: img, Env: []string{script.Sleep + "=1h", script.Term + "=ignore"},
			Limits: exec.Limits{DiskBytes: disk}, Serve: []string{"unix", "tcp:8080", ""}[i],
		}
		if i == 0 {
			task.GPUs = []string{"GPU-0"}
		}
		_, err := r.Start(context.Background(), task, exec.Streams{})
		if err != nil {
			return err
		}
	}
	fmt.Println("up")
	return nil
}

// startVictim returns once the victim's tasks run.
func startVictim(t *testing.T, cfg containerd.Config, img exec.Image) *osexec.Cmd {
	t.Helper()
	cmd := osexec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victim+"="+cfg.Root, "VICTIM_BIN="+cfg.BinDir, "VICTIM_SOCKET="+cfg.Socket,
		"VICTIM_IMAGE="+img.Digest, "VICTIM_LAYOUT="+img.Layout)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "up\n" {
		_ = cmd.Process.Kill()
		rest, _ := io.ReadAll(out)
		t.Fatalf("victim says %q %q, %v", line, rest, err)
	}
	return cmd
}

// TestKilledNode kills a node and with it its daemon, and starts another one
// in its place. start looks for leftovers when the test ends.
func TestKilledNode(t *testing.T) {
	needRoot(t)
	cfg := config(t)
	img := exectest.Layout(t)
	cmd := startVictim(t, cfg, img)
	probe, err := containerd.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	socket, _ := probe.Address()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	waitGone(t, cfg, socket)
	left := leftovers(cfg.Root, socket)
	for _, want := range []string{"victim-0/engine", "victim-0/dev", "victim-1/out", "victim-2"} {
		if !strings.Contains(strings.Join(left, "\n"), want) {
			t.Errorf("the killed node left no %s but %q: this test shows nothing", want, left)
		}
	}
	begun := time.Now()
	r := start(t, cfg)
	ids, err := r.Recover(t.Context())
	t.Logf("recovered in %v", time.Since(begun))
	if want := []string{"victim-0", "victim-1", "victim-2"}; err != nil || !slices.Equal(ids, want) {
		t.Errorf("recovered %q, %v", ids, err)
	}
	for _, left := range leftovers(cfg.Root, socket) {
		if strings.Contains(left, "victim-") {
			t.Errorf("left behind: %s", left)
		}
	}
	if ids, err := r.Recover(t.Context()); err != nil || len(ids) != 0 {
		t.Errorf("recovered again %q, %v", ids, err)
	}
	// The image is there still: no layout is needed.
	h, err := r.Start(t.Context(), exec.Task{ID: "victim-0", Image: exec.Image{Digest: img.Digest}}, exec.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := h.Wait(t.Context()); err != nil || !res.OK() {
		t.Errorf("%+v, %v", res, err)
	}
}

// TestClean takes away what a killed node left, with no node in its place.
func TestClean(t *testing.T) {
	needRoot(t)
	cfg := config(t)
	cmd := startVictim(t, cfg, exectest.Layout(t))
	if _, err := containerd.Clean(cfg); !errors.Is(err, exec.ErrLocked) {
		t.Errorf("cleaned under a living node: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if ids, err := containerd.Clean(cfg); err != nil || len(ids) != 3 {
		t.Errorf("found %q, %v", ids, err)
	}
	probe, err := containerd.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	socket, _ := probe.Address()
	for _, left := range leftovers(cfg.Root, socket) {
		t.Errorf("left behind: %s", left)
	}
}

// daemons lists the processes of a private containerd.
func daemons(cfg containerd.Config, socket string) (pids []int) {
	exes, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, exe := range exes {
		if to, _ := os.Readlink(exe); to != filepath.Join(cfg.BinDir, "containerd") {
			continue
		}
		raw, _ := os.ReadFile(filepath.Join(filepath.Dir(exe), "cmdline"))
		var pid int
		if _, err := fmt.Sscanf(exe, "/proc/%d/exe", &pid); err == nil && strings.Contains(string(raw), filepath.Dir(socket)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// waitGone returns once there are no daemons.
func waitGone(t *testing.T, cfg containerd.Config, socket string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(3 * time.Minute)
	for len(daemons(cfg, socket)) > 0 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Error("the daemon outlives its node")
			return
		}
	}
}

// TestKilledDaemon kills the private daemon below a running task.
func TestKilledDaemon(t *testing.T) {
	needRoot(t)
	cfg := config(t)
	r := start(t, cfg)
	img := exectest.Layout(t)
	task := exec.Task{
		ID: "survivor", Image: img, Serve: "tcp:8080",
		Env: []string{script.Serve + "=tcp:8080", script.Sleep + "=1h"},
	}
	h, err := r.Start(t.Context(), task, exec.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	socket, _ := r.Address()
	pids := daemons(cfg, socket)
	if len(pids) != 1 {
		t.Fatalf("%d daemons", len(pids))
	}
	if err := unix.Kill(pids[0], unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	exectest.WaitServing(t, h) // no daemon is needed for that
	waitDaemon(t, r, cfg, pids[0])
	if resp, err := exectest.Client(t, h).Get("http://task/exit?code=5"); err == nil {
		resp.Body.Close()
	}
	res, err := h.Wait(t.Context())
	if err != nil || res.Reason != exec.ReasonExit || res.ExitCode != 5 {
		t.Errorf("%+v, %v", res, err)
	}
	if err := h.Destroy(t.Context()); err != nil {
		t.Error(err)
	}
	t.Run("the task ends too", func(t *testing.T) { endsWithDaemon(t, r, cfg, task) })
	task.ID, task.Env = "next", nil
	if h, err = r.Start(t.Context(), task, exec.Streams{}); err != nil {
		t.Fatal(err)
	}
	if res, err := h.Wait(t.Context()); err != nil || !res.OK() {
		t.Errorf("%+v, %v", res, err)
	}
}

// endsWithDaemon has a task end while there is no daemon. Its end may be lost,
// and then that is what is said of it.
func endsWithDaemon(t *testing.T, r *containerd.Runner, cfg containerd.Config, task exec.Task) {
	task.ID = "together"
	h, err := r.Start(t.Context(), task, exec.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	exectest.WaitServing(t, h)
	socket, _ := r.Address()
	pids := daemons(cfg, socket)
	if len(pids) != 1 {
		t.Fatalf("%d daemons", len(pids))
	}
	if err := unix.Kill(pids[0], unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if resp, err := exectest.Client(t, h).Get("http://task/exit?code=5"); err == nil {
		resp.Body.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	res, err := h.Wait(ctx)
	if err != nil || res.Reason != exec.ReasonInternal && (res.Reason != exec.ReasonExit || res.ExitCode != 5) {
		t.Errorf("%+v, %v", res, err)
	}
	if err := h.Destroy(t.Context()); err != nil {
		t.Error(err)
	}
	waitDaemon(t, r, cfg, pids[0])
}

// waitDaemon returns once there is another daemon than the one that was killed,
// and it answers: by then it has found the tasks.
func waitDaemon(t *testing.T, r *containerd.Runner, cfg containerd.Config, killed int) {
	t.Helper()
	socket, _ := r.Address()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(3 * time.Minute)
	for {
		if pids := daemons(cfg, socket); len(pids) == 1 && pids[0] != killed {
			if _, err := r.Fingerprint(t.Context()); err == nil {
				return
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("no other daemon comes up")
		}
	}
}

// TestLocked: two runners on one root would remove each other's tasks.
func TestLocked(t *testing.T) {
	needRoot(t)
	cfg := config(t)
	start(t, cfg)
	second, err := containerd.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); !errors.Is(err, exec.ErrLocked) {
		t.Errorf("%v", err)
	}
}
