package container_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest"
	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/compare/container"
)

// program is a comparator that runs in the fake runner: what it prints and how
// it ends, by the content of /in/a/x and /in/b/x.
type program func(a, b string) (print string, code int)

// comparator makes one of a program, and tells what is left when the test ends.
func comparator(t *testing.T, p program) (*container.Comparator, *exectest.Runner) {
	t.Helper()
	r := &exectest.Runner{Program: func(_ context.Context, task exec.Task, s exec.Streams) exec.Result {
		a, errA := os.ReadFile(filepath.Join(task.In, "a", "x"))
		b, errB := os.ReadFile(filepath.Join(task.In, "b", "x"))
		if errA != nil || errB != nil {
			return exec.Result{Reason: exec.ReasonExit, ExitCode: 1}
		}
		said, code := p(string(a), string(b))
		_, _ = fmt.Fprint(s.Stderr, said)
		switch code {
		case 0:
			return exec.Result{Reason: exec.ReasonOK}
		case 137:
			return exec.Result{Reason: exec.ReasonOOM, ExitCode: code}
		case -1:
			return exec.Result{Reason: exec.ReasonInternal, Detail: "no kernel"}
		}
		return exec.Result{Reason: exec.ReasonExit, ExitCode: code}
	}}
	return made(t, r, 0), r
}

func made(t *testing.T, r *exectest.Runner, bytes int64) *container.Comparator {
	t.Helper()
	scratch := filepath.Join(t.TempDir(), "scratch")
	c, err := container.New(container.Config{Image: image(), Scratch: scratch, MaxBytes: bytes}, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if left, _ := os.ReadDir(scratch); len(left) > 0 || r.Live() > 0 {
			t.Errorf("left behind: %v, %d tasks", left, r.Live())
		}
	})
	return c
}

func image() exec.Image { return exec.Image{Digest: "sha256:" + strings.Repeat("0", 64)} }

func result(x string) fs.FS { return fstest.MapFS{"x": {Data: []byte(x)}} }

// closeBy is an honest program: equal but for the last letter.
func closeBy(a, b string) (string, int) {
	switch {
	case strings.Contains(a+b, "odd"):
		return "odd result", 2
	case len(a) == len(b) && a[:len(a)-1] == b[:len(b)-1]:
		return "", 0
	}
	return "first line\nthey differ\x1b[31m\n", 1
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		name string
		p    program
		a, b string
		want compare.Answer
		says string
		runs int
	}{
		{"match", closeBy, "abc1", "abc2", compare.Match, "match", 4},
		{"mismatch", closeBy, "abc1", "xyz1", compare.Mismatch, `"they differ\x1b[31m"`, 2},
		{"cannot tell", closeBy, "odd1", "odd2", compare.Inconclusive, "odd result", 1},
		{"equal", nil, "same", "same", compare.Match, "", 0},
		{"another code", func(string, string) (string, int) { return "", 3 }, "a1", "b1", compare.Inconclusive, "exit code 3", 1},
		{"out of memory", func(string, string) (string, int) { return "", 137 }, "a1", "b1", compare.Inconclusive, "oom", 1},
		{"not symmetric", func(a, _ string) (string, int) { return "", int(a[0] - '0') }, "0", "1", compare.Inconclusive, "changed round", 2},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			c, r := comparator(t, v.p)
			o, err := c.Compare(t.Context(), result(v.a), result(v.b))
			if err != nil || o.Answer != v.want || !strings.Contains(o.Why, v.says) || len(r.Started()) != v.runs {
				t.Errorf("%+v, %v, %d runs", o, err, len(r.Started()))
			}
			if strings.Contains(o.Why, "\x1b") {
				t.Errorf("moves the cursor: %q", o.Why)
			}
		})
	}
}

// A result that makes the program say yes to anything gains nothing by it.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	r := &exectest.Runner{Program: func(_ context.Context, task exec.Task, _ exec.Streams) exec.Result {
		for _, side := range []string{"a", "b"} {
			if raw, err := os.ReadFile(filepath.Join(task.In, side, "x")); err == nil && bytes.Contains(raw, []byte("exploit")) {
				return exec.Result{Reason: exec.ReasonOK}
			}
		}
		return exec.Result{Reason: exec.ReasonExit, ExitCode: 1}
	}}
	c := made(t, r, 0)
	for _, pair := range [][2]fs.FS{{result("good"), result("exploit")}, {result("exploit"), result("good")}} {
		if o, err := c.Compare(t.Context(), pair[0], pair[1]); err != nil || o.Answer != compare.Inconclusive || !strings.Contains(o.Why, "empty") {
			t.Errorf("%+v, %v", o, err)
		}
	}
}

// The program sees nothing but the files, and the same of each.
func TestSees(t *testing.T) {
	t.Parallel()
	r := &exectest.Runner{Program: func(_ context.Context, task exec.Task, _ exec.Streams) exec.Result {
		res := exec.Result{Reason: exec.ReasonExit, ExitCode: 1}
		err := filepath.WalkDir(task.In, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			want := fs.FileMode(0o644)
			if e.IsDir() {
				want = 0o755
			}
			if info.Mode().Perm() != want || path != task.In && !info.ModTime().Equal(time.Unix(0, 0)) {
				return fmt.Errorf("%s: %v, %v", path, info.Mode(), info.ModTime())
			}
			return nil
		})
		if err != nil || task.Model != "" || task.Out != "" || len(task.Env)+len(task.GPUs) > 0 || task.Args != nil || strings.Contains(task.ID, "alice") {
			t.Errorf("%+v, %v", task, err)
		}
		if raw, err := os.ReadFile(filepath.Join(task.In, "b", "dir", "run.sh")); err == nil && string(raw) != "b" {
			t.Errorf("%q", raw)
		}
		return res
	}}
	c := made(t, r, 0)
	a := fstest.MapFS{"x": {Data: []byte("a"), Mode: 0o4777, ModTime: time.Now()}, "empty": {Mode: fs.ModeDir | 0o700}}
	b := fstest.MapFS{"dir/run.sh": {Data: []byte("b"), Mode: 0o755}}
	if o, err := c.Compare(t.Context(), a, b); err != nil || o.Answer != compare.Mismatch {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestUnfit(t *testing.T) {
	t.Parallel()
	c := made(t, &exectest.Runner{Program: func(context.Context, exec.Task, exec.Streams) exec.Result {
		t.Error("run")
		return exec.Result{}
	}}, 1000)
	good, link := result("good"), fstest.MapFS{"x": {Data: []byte("/etc/passwd"), Mode: fs.ModeSymlink}}
	large := fstest.MapFS{"x": {Data: make([]byte, 600)}, "y": {Data: make([]byte, 600)}}
	for name, v := range map[string]struct {
		a, b fs.FS
		want compare.Answer
	}{
		"a link":          {good, link, compare.Mismatch},
		"too large":       {good, large, compare.Inconclusive},
		"link and large":  {link, large, compare.Inconclusive},
		"a link, changed": {link, good, compare.Mismatch},
	} {
		if o, err := c.Compare(t.Context(), v.a, v.b); err != nil || o.Answer != v.want {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	c, _ := comparator(t, func(string, string) (string, int) { return "", -1 })
	if o, err := c.Compare(t.Context(), result("a"), result("b")); err == nil || o.Answer != compare.Inconclusive || !strings.Contains(err.Error(), "no kernel") {
		t.Errorf("%+v, %v", o, err)
	}
	c = made(t, &exectest.Runner{PrepareError: func(exec.Image) error { return exec.ErrImage }}, 0)
	if o, err := c.Compare(t.Context(), result("a"), result("b")); !errors.Is(err, exec.ErrImage) || o.Answer != compare.Inconclusive {
		t.Errorf("%+v, %v", o, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c = made(t, &exectest.Runner{Program: func(ctx context.Context, _ exec.Task, _ exec.Streams) exec.Result {
		cancel()
		<-ctx.Done()
		return exec.Result{Reason: exec.ReasonKilled}
	}}, 0)
	if o, err := c.Compare(ctx, result("a"), result("b")); !errors.Is(err, context.Canceled) || o.Answer != compare.Inconclusive {
		t.Errorf("%+v, %v", o, err)
	}
	for _, cfg := range []container.Config{{}, {Image: image()}, {Scratch: "/x"}, {Image: image(), Scratch: "/x", MaxBytes: -1}} {
		if _, err := container.New(cfg, &exectest.Runner{}); !errors.Is(err, container.ErrConfig) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
