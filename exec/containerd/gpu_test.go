//go:build linux

package containerd_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest"
	"infernet.tech/infernet/exec/exectest/script"
	"infernet.tech/infernet/exec/image"
)

// fakeDevice stands for a GPU: the kernel has it everywhere, a sandbox never,
// and opening it does nothing.
const fakeDevice = "/dev/loop-control"

// injectFake gives that device under two names.
func injectFake(context.Context, []string) (exec.Injection, error) {
	var st unix.Stat_t
	if err := unix.Stat(fakeDevice, &st); err != nil {
		return exec.Injection{}, err
	}
	major, minor := int64(unix.Major(st.Rdev)), int64(unix.Minor(st.Rdev))
	return exec.Injection{
		Devices: []exec.DeviceNode{
			{Path: "/dev/gpu0", Major: major, Minor: minor},
			{Path: "/dev/dri/render0", Major: major, Minor: minor, Mode: 0o600},
		},
		Env: []string{"LD_LIBRARY_PATH=/opt/gpu"},
	}, nil
}

func TestGPU(t *testing.T) {
	needRoot(t)
	program := exectest.Build(t, "./testdata/escape")
	img := exec.Image{Layout: filepath.Join(t.TempDir(), "layout")}
	var err error
	img.Digest, err = image.WriteLayout(img.Layout, image.Spec{
		Files: map[string]image.File{
			"program":        {Mode: 0o755, Path: program},
			"usr/lib/mine":   {Mode: 0o644, Data: []byte("of the image")},
			"opt/gpu/hidden": {Mode: 0o644, Data: []byte("of the image")},
		},
		Entrypoint: []string{"/program"}, User: "1000:1000",
	})
	if err != nil {
		t.Fatal(err)
	}
	libs := t.TempDir()
	cfg := config(t)
	cfg.Root += `-a:b,c\d` // signs that mean something in the options of a mount
	cfg.Inject = func(ctx context.Context, ids []string) (exec.Injection, error) {
		j, err := injectFake(ctx, ids)
		j.Mounts = []exec.BindMount{{Source: program, Destination: "/usr/lib/gpu/tool"}, {Source: libs, Destination: "/opt/gpu"}}
		return j, err
	}
	x := hostile{r: start(t, cfg), img: img}
	with := func(id string, args ...string) exec.Task {
		task := x.task(id, args...)
		task.GPUs, task.Serve = []string{"GPU-0"}, "unix"
		return task
	}
	t.Run("devices", func(t *testing.T) { x.devices(t, with) })
	t.Run("files", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(libs, "lib.so"), []byte("a driver's"), 0o644); err != nil {
			t.Fatal(err)
		}
		res, out := x.run(t, with("run", "run", "/usr/lib/gpu/tool", "devices", "/usr/lib/mine", "/opt/gpu/lib.so", "/opt/gpu/hidden"))
		want := "/usr/lib/mine: open /usr/lib/mine: read-only file system"
		for _, w := range []string{want, "/opt/gpu/lib.so: open /opt/gpu/lib.so: permission denied, 0100644", "/opt/gpu/hidden: no such file", "LD_LIBRARY_PATH=/opt/gpu\n"} {
			if !res.OK() || !strings.Contains(out, w) {
				t.Errorf("%+v %q, want %q", res, out, w)
			}
		}
		for _, name := range []string{"/opt/gpu/new", "/usr/lib/gpu/tool", "/dev/new", "/run/new"} {
			if _, out := x.run(t, with("write", "writable", name)); !strings.Contains(out, "denied") && !strings.Contains(out, "read-only") {
				t.Errorf("%s: %q", name, out)
			}
		}
		if _, out := x.run(t, with("engine", "writable", "/run/engine/lock")); out != "<nil>\n" {
			t.Errorf("a user other than root cannot write to /run/engine: %q", out)
		}
	})
	t.Run("escapes", func(t *testing.T) {
		task := with("escapes", "all")
		task.In = t.TempDir()
		// The loader's variables are ours here, and the user is another.
		if res, out := x.run(t, task); !res.OK() || strings.Contains(out, "ALLOWED") || strings.Count(out, "denied ") < 60 {
			t.Errorf("%+v\n%s", res, out)
		}
	})
	t.Run("model", func(t *testing.T) {
		task := with("model", "writable", "/model")
		task.Model = program
		if res, out := x.run(t, task); !res.OK() || !strings.Contains(out, "read-only") && !strings.Contains(out, "denied") {
			t.Errorf("%+v %q", res, out)
		}
	})
}

// devices: those of the injection open, and no others; the cgroup names the
// same, and nothing in the groups of tasks without a GPU.
func (x hostile) devices(t *testing.T, with func(string, ...string) exec.Task) {
	others := []string{fakeDevice, "/dev/kmsg", "/dev/fuse", "/dev/mem", "/dev/gpu1"}
	res, out := x.run(t, with("devices", append([]string{"devices", "/dev/gpu0", "/dev/dri/render0"}, others...)...))
	if !res.OK() {
		t.Fatalf("%+v %q", res, out)
	}
	for _, line := range []string{"/dev/gpu0: <nil>, 020666 10:237 of 1000\n", "/dev/dri/render0: <nil>, 020600 10:237 of 1000\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("no %q in %q", line, out)
		}
	}
	for _, name := range others {
		if !strings.Contains(out, name+": no such file") {
			t.Errorf("%s: %q", name, out)
		}
	}
	if _, out := x.run(t, x.task("without", "devices", "/dev/gpu0", "/dev/dri/render0")); strings.Count(out, "no such file") != 2 {
		t.Errorf("a task without GPUs: %q", out)
	}
	socket, _ := x.r.Address()
	group := "/sys/fs/cgroup/devices/infernet/" + filepath.Base(filepath.Dir(socket))
	if _, err := os.Stat(group); err != nil {
		t.Logf("no device cgroup to look at: %v", err)
		return
	}
	for _, task := range []exec.Task{with("rules-gpu", "serve", "endless"), x.task("rules-none", "forever")} {
		h, err := x.r.Start(t.Context(), task, exec.Streams{})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(group, task.ID, "devices.list"))
		if err != nil {
			t.Error(err)
		}
		// The runtime's own: standard devices, terminals, and tun, of which the
		// sandbox has no node and cannot make one.
		own := []string{"c 1:", "c 5:", "c 136:", "c 10:200 "}
		rules := strings.Split(strings.TrimSpace(string(raw)), "\n")
		ours := 0
		for _, r := range rules {
			if r == "c 10:237 rw" {
				ours++
			} else if !strings.HasSuffix(r, " m") && !slices.ContainsFunc(own, func(o string) bool { return strings.HasPrefix(r, o) }) {
				t.Errorf("%s: rule %q", task.ID, r)
			}
		}
		if (ours == 1) != (len(task.GPUs) > 0) {
			t.Errorf("%s: %q", task.ID, rules)
		}
		if err := h.Destroy(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestBadInjection: what cannot be given starts nothing and leaves nothing.
func TestBadInjection(t *testing.T) {
	needRoot(t)
	cfg := config(t)
	own := errors.New("wiped")
	var answer exec.Injection
	var fault error
	cfg.Inject = func(context.Context, []string) (exec.Injection, error) { return answer, fault }
	r := start(t, cfg)
	task := exec.Task{ID: "bad", Image: exectest.Layout(t), GPUs: []string{"GPU-0"}, Env: []string{script.Exit + "=3"}}
	for name, c := range map[string]struct {
		j     exec.Injection
		fault error
		want  error
	}{
		"refused":   {fault: own, want: own},
		"no device": {j: exec.Injection{Devices: []exec.DeviceNode{{Path: "/etc/x"}}}, want: exec.ErrInvalidTask},
		"proc":      {j: exec.Injection{Mounts: []exec.BindMount{{Source: "/etc", Destination: "/proc/x"}}}, want: exec.ErrInvalidTask},
		"no source": {j: exec.Injection{Mounts: []exec.BindMount{{Source: "/nowhere/x", Destination: "/x"}}}, want: os.ErrNotExist},
	} {
		answer, fault = c.j, c.fault
		if _, err := r.Start(t.Context(), task, exec.Streams{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	answer, fault = exec.Injection{}, nil
	h, err := r.Start(t.Context(), task, exec.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := h.Wait(t.Context()); err != nil || res.ExitCode != 3 {
		t.Errorf("%+v, %v", res, err)
	}
}
