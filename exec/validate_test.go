package exec_test

import (
	"errors"
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
