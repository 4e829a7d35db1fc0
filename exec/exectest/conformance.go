package exectest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest/script"
)

// Conformance holds a runner to the contract of exec.Runner. The image is one
// made by Layout. The runner is not closed, except by the last test, which
// asks fresh for one of its own.
func Conformance(t *testing.T, r exec.Runner, img exec.Image, fresh func(testing.TB) exec.Runner) {
	s := suite{r: r, img: img}
	t.Run("Fingerprint", s.fingerprint)
	t.Run("Prepare", s.prepare)
	t.Run("Endings", s.endings)
	t.Run("InputsAndResult", s.inputs)
	t.Run("StreamsLive", s.streams)
	t.Run("LogCap", s.logCap)
	t.Run("Stop", s.stop)
	t.Run("Destroy", s.destroy)
	t.Run("Exists", s.exists)
	t.Run("Invalid", s.invalid)
	t.Run("Parallel", s.parallel)
	t.Run("Recover", s.recover)
	t.Run("ServeUnix", func(t *testing.T) { s.serve(t, "unix") })
	t.Run("ServeTCP", func(t *testing.T) { s.serve(t, "tcp:8080") })
	t.Run("Close", func(t *testing.T) { s.close(t, fresh(t)) })
}

// patience is how long what must happen may take on a machine that has much
// else to do. No test's subject is as slow.
const patience = 3 * time.Minute

type suite struct {
	r   exec.Runner
	img exec.Image
}

// task is a small task named after the test, with this script.
func (s suite) task(t testing.TB, env ...string) exec.Task {
	id := strings.NewReplacer("/", "-", "#", "-").Replace(t.Name())
	if len(id) > 70 {
		id = id[len(id)-70:]
	}
	return exec.Task{
		ID: strings.TrimLeft(id, "-_."), Image: s.img, Env: env,
		Limits: exec.Limits{MemoryBytes: 64 << 20, DiskBytes: 8 << 20, PIDs: 64, WallClock: 10 * time.Minute, LogBytes: 64 << 10},
	}
}

// run runs a task to its end and destroys it.
func (s suite) run(t *testing.T, task exec.Task) (res exec.Result, stdout, stderr string) {
	t.Helper()
	var o, e bytes.Buffer
	h, err := s.r.Start(t.Context(), task, exec.Streams{Stdout: &o, Stderr: &e})
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	if res, err = h.Wait(t.Context()); err != nil {
		t.Fatalf("wait: %v", err)
	}
	if err := h.Destroy(t.Context()); err != nil {
		t.Fatalf("destroy: %v", err)
	}
	return res, o.String(), e.String()
}

func (s suite) fingerprint(t *testing.T) {
	fp, err := s.r.Fingerprint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if fp.OS == "" || fp.Arch == "" || fp.Cores < 1 || fp.RuntimeVersion == "" || len(fp.Isolation) == 0 {
		t.Errorf("incomplete: %+v", fp)
	}
	if !strings.HasPrefix(fp.Class(), fp.Arch) {
		t.Errorf("class %q", fp.Class())
	}
}

func (s suite) prepare(t *testing.T) {
	for range 2 {
		if err := s.r.Prepare(t.Context(), s.img); err != nil {
			t.Fatal(err)
		}
	}
}

func (s suite) endings(t *testing.T) {
	for _, c := range []struct {
		name   string
		env    []string
		limits func(*exec.Limits)
		reason exec.Reason
		code   int
	}{
		{"ok", nil, nil, exec.ReasonOK, 0},
		{"exit", []string{script.Exit + "=3"}, nil, exec.ReasonExit, 3},
		{"oom", []string{script.Eat + "=209715200"}, nil, exec.ReasonOOM, 137},
		{"timeout", []string{script.Sleep + "=1h"}, func(l *exec.Limits) { l.WallClock = 300 * time.Millisecond }, exec.ReasonTimeout, 137},
		{"disk", []string{script.Fill + "=20000000"}, nil, exec.ReasonDisk, 1},
		{"pids", []string{script.Fork + "=64"}, func(l *exec.Limits) { l.MemoryBytes = 512 << 20 }, exec.ReasonPIDs, 1},
		{"link", []string{script.Link + "=passwd"}, nil, exec.ReasonOutput, 0},
		{"no input", []string{script.PrintIn + "=nothing"}, nil, exec.ReasonExit, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			task := s.task(t, c.env...)
			task.ID = "ending-" + strings.ReplaceAll(c.name, " ", "-")
			task.Out = filepath.Join(t.TempDir(), "out")
			if c.limits != nil {
				c.limits(&task.Limits)
			}
			res, _, stderr := s.run(t, task)
			if res.Reason != c.reason || res.ExitCode != c.code {
				t.Errorf("ended %q (code %d, %s), want %q (%d); stderr %q", res.Reason, res.ExitCode, res.Detail, c.reason, c.code, stderr)
			}
			if res.Ended.Before(res.Started) || res.Started.IsZero() {
				t.Errorf("times %v to %v", res.Started, res.Ended)
			}
			if res.OK() != (c.reason == exec.ReasonOK) {
				t.Errorf("OK() is %v", res.OK())
			}
		})
	}
}

func (s suite) inputs(t *testing.T) {
	dir := t.TempDir()
	in, model := filepath.Join(dir, "in"), filepath.Join(dir, "model.gguf")
	// Private to their owner, as a store might keep them.
	must(t, os.Mkdir(in, 0o700))
	must(t, os.WriteFile(filepath.Join(in, "input.jsonl"), []byte("the input"), 0o600))
	must(t, os.WriteFile(model, []byte("the model"), 0o400))
	task := s.task(t, script.PrintIn+"=input.jsonl", script.Model+"=1", script.File+"=a/b.txt=the result", script.Error+"=a word")
	task.In, task.Model, task.Out = in, model, filepath.Join(dir, "made", "out")
	res, stdout, stderr := s.run(t, task)
	if !res.OK() || stdout != "the input\nthe model\n" || stderr != "a word\n" {
		t.Errorf("%+v\nstdout %q\nstderr %q", res, stdout, stderr)
	}
	file := filepath.Join(task.Out, "a", "b.txt")
	raw, err := os.ReadFile(file)
	if err != nil || string(raw) != "the result" {
		t.Errorf("result %q, %v", raw, err)
	}
	if info, err := os.Stat(file); err == nil && info.Mode().Perm() != 0o644 {
		t.Errorf("result has mode %v", info.Mode())
	}
}

// signalWriter tells when something was written.
type signalWriter struct {
	once sync.Once
	c    chan struct{}
}

func (w *signalWriter) Write(p []byte) (int, error) {
	w.once.Do(func() { close(w.c) })
	return len(p), nil
}

func (s suite) streams(t *testing.T) {
	w := &signalWriter{c: make(chan struct{})}
	h, err := s.r.Start(t.Context(), s.task(t, script.Output+"=early", script.Sleep+"=1h"), exec.Streams{Stdout: w})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { must(t, h.Destroy(context.Background())) }()
	select {
	case <-w.c: // while the task goes on
	case <-time.After(patience):
		t.Error("no output while the task runs")
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := h.Wait(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait on a running task: %v", err)
	}
}

func (s suite) logCap(t *testing.T) {
	task := s.task(t, script.Flood+"=1000000", script.Exit+"=2")
	res, stdout, _ := s.run(t, task)
	if res.Reason != exec.ReasonExit || !res.LogTruncated || uint64(len(stdout)) != task.Limits.LogBytes {
		t.Errorf("%+v with %d bytes of output", res, len(stdout))
	}
	task.Env = []string{script.Output + "=short"}
	if res, _, _ := s.run(t, task); res.LogTruncated {
		t.Errorf("short output called truncated: %+v", res)
	}
}

func (s suite) stop(t *testing.T) {
	for _, how := range []string{"obey", "ignore"} {
		t.Run(how, func(t *testing.T) {
			w := &signalWriter{c: make(chan struct{})}
			h, err := s.r.Start(t.Context(), s.task(t, script.Output+"=up", script.Sleep+"=1h", script.Term+"="+how), exec.Streams{Stdout: w})
			if err != nil {
				t.Fatal(err)
			}
			<-w.c
			grace := 2 * patience
			if how == "ignore" {
				grace = 100 * time.Millisecond
			}
			begun := time.Now()
			must(t, h.Stop(t.Context(), grace))
			if took := time.Since(begun); took > patience {
				t.Errorf("stopping took %v", took)
			}
			res, err := h.Wait(t.Context())
			if err != nil || res.Reason != exec.ReasonKilled {
				t.Errorf("%+v, %v", res, err)
			}
			must(t, h.Destroy(t.Context()))
		})
	}
}

func (s suite) destroy(t *testing.T) {
	h, err := s.r.Start(t.Context(), s.task(t, script.Sleep+"=1h"), exec.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	must(t, h.Destroy(t.Context()))
	must(t, h.Destroy(t.Context()))
	if res, err := h.Wait(t.Context()); err != nil || res.Reason != exec.ReasonKilled {
		t.Errorf("%+v, %v", res, err)
	}
}

func (s suite) exists(t *testing.T) {
	task := s.task(t, script.Sleep+"=1h")
	h, err := s.r.Start(t.Context(), task, exec.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.r.Start(t.Context(), task, exec.Streams{}); !errors.Is(err, exec.ErrExists) {
		t.Errorf("second start: %v", err)
	}
	must(t, h.Destroy(t.Context()))
	task.Env = nil
	s.run(t, task) // the id is free again
}

func (s suite) invalid(t *testing.T) {
	for name, spoil := range map[string]func(*exec.Task){
		"id":     func(k *exec.Task) { k.ID = "../up" },
		"digest": func(k *exec.Task) { k.Image.Digest = "latest" },
		"path":   func(k *exec.Task) { k.In = "relative" },
		"env":    func(k *exec.Task) { k.Env = []string{"no value"} },
		"zero":   func(k *exec.Task) { k.Args = []string{"a\x00b"} },
		"serve":  func(k *exec.Task) { k.Serve = "/run/engine/http.sock" },
		"port":   func(k *exec.Task) { k.Serve = "tcp:80" },
		"clock":  func(k *exec.Task) { k.Limits.WallClock = exec.MaxWallClock + 1 },
	} {
		task := s.task(t)
		spoil(&task)
		if _, err := s.r.Start(t.Context(), task, exec.Streams{}); !errors.Is(err, exec.ErrInvalidTask) {
			t.Errorf("%s: %v", name, err)
		}
	}
	task := s.task(t)
	task.GPUs = []string{"GPU-0"}
	if _, err := s.r.Start(t.Context(), task, exec.Streams{}); !errors.Is(err, exec.ErrNoGPU) {
		t.Errorf("gpu: %v", err)
	}
}

func (s suite) parallel(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			task := s.task(t, script.Exit+"=7")
			task.ID = "parallel-" + string(rune('a'+i))
			h, err := s.r.Start(t.Context(), task, exec.Streams{})
			if err != nil {
				t.Error(err)
				return
			}
			if res, err := h.Wait(t.Context()); err != nil || res.ExitCode != 7 {
				t.Errorf("%+v, %v", res, err)
			}
			if err := h.Destroy(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func (s suite) recover(t *testing.T) {
	h, err := s.r.Start(t.Context(), s.task(t, script.Sleep+"=1h"), exec.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := s.r.Recover(t.Context()); err != nil || len(ids) != 0 {
		t.Errorf("found %q, %v", ids, err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := h.Wait(short); err == nil {
		t.Error("Recover ended a running task")
	}
	must(t, h.Destroy(t.Context()))
}

func (s suite) close(t *testing.T, r exec.Runner) {
	h, err := r.Start(t.Context(), s.task(t, script.Sleep+"=1h"), exec.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	must(t, r.Close())
	if res, err := h.Wait(t.Context()); err != nil || res.Reason != exec.ReasonKilled {
		t.Errorf("%+v, %v", res, err)
	}
	if _, err := r.Start(t.Context(), s.task(t), exec.Streams{}); !errors.Is(err, exec.ErrClosed) {
		t.Errorf("start after close: %v", err)
	}
	must(t, r.Close())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
