package exec_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
)

func good() exec.Task {
	return exec.Task{ID: "job-1.shard_2", Image: exec.Image{Digest: "sha256:" + strings.Repeat("ab", 32)}}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*exec.Task){
		"empty id":     func(k *exec.Task) { k.ID = "" },
		"long id":      func(k *exec.Task) { k.ID = strings.Repeat("a", 77) },
		"dot id":       func(k *exec.Task) { k.ID = ".hidden" },
		"id with path": func(k *exec.Task) { k.ID = "a/b" },
		"id with line": func(k *exec.Task) { k.ID = "a\n" },
		"digest":       func(k *exec.Task) { k.Image.Digest = strings.ToUpper(k.Image.Digest) },
		"in":           func(k *exec.Task) { k.In = "in" },
		"model":        func(k *exec.Task) { k.Model = "./m" },
		"out":          func(k *exec.Task) { k.Out = "out" },
		"long clock":   func(k *exec.Task) { k.Limits.WallClock = exec.MaxWallClock + 1 },
		"many gpus":    func(k *exec.Task) { k.GPUs = make([]string, 65) },
		"clock":        func(k *exec.Task) { k.Limits.WallClock = -time.Second },
		"env name":     func(k *exec.Task) { k.Env = []string{"=x"} },
		"many args":    func(k *exec.Task) { k.Args = make([]string, 2000) },
		"long arg":     func(k *exec.Task) { k.Args = []string{strings.Repeat("a", 1<<20)} },
		"zero byte":    func(k *exec.Task) { k.Env = []string{"A=b\x00c"} },
	} {
		task := good()
		spoil(&task)
		if err := task.Validate(); !errors.Is(err, exec.ErrInvalidTask) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServePort(t *testing.T) {
	t.Parallel()
	for serve, want := range map[string]uint16{"": 0, "unix": 0, "tcp:1024": 1024, "tcp:65535": 65535} {
		if port, err := exec.ServePort(serve); err != nil || port != want {
			t.Errorf("%q: %d, %v", serve, port, err)
		}
	}
	for _, serve := range []string{"tcp", "tcp:", "tcp:80", "tcp:65536", "tcp:08080", "tcp:+8080", "unix:", "8080", "tcp:8080 "} {
		task := good()
		task.Serve = serve
		if err := task.Validate(); !errors.Is(err, exec.ErrInvalidTask) {
			t.Errorf("%q: %v", serve, err)
		}
	}
}

func TestInjection(t *testing.T) {
	t.Parallel()
	good := func() exec.Injection {
		return exec.Injection{
			Devices: []exec.DeviceNode{{Path: "/dev/nvidia0", Major: 195}, {Path: "/dev/dri/renderD128", Major: 226, Minor: 128, Mode: 0o660}},
			Mounts:  []exec.BindMount{{Source: "/lib/libcuda.so.1", Destination: "/usr/lib/libcuda.so.1"}},
			Env:     []string{"LD_LIBRARY_PATH=/usr/lib"},
		}
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*exec.Injection){
		"own device":    func(j *exec.Injection) { j.Devices[0].Path = "/dev/null" },
		"shm":           func(j *exec.Injection) { j.Devices[0].Path = "/dev/shm/x" },
		"dev itself":    func(j *exec.Injection) { j.Devices[0].Path = "/dev/" },
		"dots":          func(j *exec.Injection) { j.Devices[0].Path = "/dev/../etc/x" },
		"twice":         func(j *exec.Injection) { j.Devices[1].Path = j.Devices[0].Path },
		"major":         func(j *exec.Injection) { j.Devices[0].Major = -1 },
		"minor":         func(j *exec.Injection) { j.Devices[0].Minor = 1 << 20 },
		"setuid":        func(j *exec.Injection) { j.Devices[0].Mode |= fs.ModeSetuid },
		"many":          func(j *exec.Injection) { j.Devices = make([]exec.DeviceNode, 1000) },
		"many mounts":   func(j *exec.Injection) { j.Mounts = make([]exec.BindMount, 5000) },
		"relative":      func(j *exec.Injection) { j.Mounts[0].Source = "lib" },
		"root":          func(j *exec.Injection) { j.Mounts[0].Destination = "/" },
		"above engine":  func(j *exec.Injection) { j.Mounts[0].Destination = "/run" },
		"below model":   func(j *exec.Injection) { j.Mounts[0].Destination = "/model/x" },
		"in dev":        func(j *exec.Injection) { j.Mounts[0].Destination = "/dev/x" },
		"unclean":       func(j *exec.Injection) { j.Mounts[0].Destination = "/usr/../proc" },
		"mounted twice": func(j *exec.Injection) { j.Mounts = append(j.Mounts, j.Mounts[0]) },
		"env":           func(j *exec.Injection) { j.Env = []string{"x"} },
	} {
		j := good()
		spoil(&j)
		if err := j.Validate(); !errors.Is(err, exec.ErrInvalidTask) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWithDefaults(t *testing.T) {
	t.Parallel()
	l := exec.Limits{MemoryBytes: 7}.WithDefaults(exec.DefaultLimits())
	want := exec.DefaultLimits()
	want.MemoryBytes = 7
	if l != want {
		t.Errorf("%+v", l)
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	h := exec.Host()
	if h.OS == "" || h.Arch == "" || h.Cores < 1 {
		t.Errorf("%+v", h)
	}
	if h.OS == "linux" && (h.MemoryBytes == 0 || h.CPUModel == "" && h.Arch == "amd64") {
		t.Errorf("%+v", h)
	}
	if h.Arch == "amd64" && !strings.HasPrefix(h.Class(), "amd64/x86-64-v") {
		t.Errorf("class %q", h.Class())
	}
}
