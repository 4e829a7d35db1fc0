package gpu_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/exec/gpu"
	"infernet.tech/infernet/exec/gpu/gputest"
)

// smi plays nvidia-smi for a card whose tenant leaves after a while.
type smi struct {
	id      string
	began   time.Time
	process time.Duration // how long a process is listed
	memory  time.Duration // how long its memory is in use
	fault   string        // in place of memory
	resets  int
	refuse  bool // resets
	gone    bool // after a reset
}

func (s *smi) command(_ context.Context, name string, args ...string) ([]byte, error) {
	line := name + " " + strings.Join(args, " ")
	age := time.Since(s.began)
	switch {
	case strings.Contains(line, "--gpu-reset -i "+s.id):
		if s.resets++; s.refuse {
			return []byte("Resetting GPU is not supported"), errors.New("exit status 3")
		}
		return nil, nil
	case strings.Contains(line, "compute-apps"):
		if age < s.process {
			return []byte(s.id + ", 4711\n"), nil
		}
		return []byte("GPU-00000000-0000-0000-0000-000000000000, 1\n"), nil
	case strings.Contains(line, "query-gpu") && !(s.gone && s.resets > 0):
		used := "4"
		if age < s.memory {
			used = "70000"
		}
		if s.fault != "" {
			used = s.fault
		}
		return fmt.Appendf(nil, "00000000:19:00.0, %s, 580.159.03, 81559, %s, 0, 31, Disabled, 9.0, Disabled, NVIDIA H100\n", s.id, used), nil
	}
	return nil, gpu.ErrNoCommand
}

func TestWipeNVIDIA(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		s      smi
		o      gpu.WipeOptions
		change func(*gpu.Device)
		want   string        // of the error; "" is clean
		after  time.Duration // at least
		resets int
	}{
		"at once":             {},
		"process goes":        {s: smi{process: 3 * time.Second}, after: 3 * time.Second},
		"memory later":        {s: smi{process: time.Second, memory: 9 * time.Second}, after: 9 * time.Second},
		"process stays":       {s: smi{process: time.Hour}, want: "process 4711", after: 30 * time.Second},
		"memory stays":        {s: smi{memory: time.Hour}, want: "70000 MiB are in use", after: 30 * time.Second},
		"short patience":      {s: smi{memory: time.Hour}, o: gpu.WipeOptions{Timeout: time.Second}, want: "MiB", after: time.Second},
		"card needs reset":    {s: smi{fault: "[GPU requires reset]"}, want: "requires reset"},
		"another card":        {change: func(d *gpu.Device) { d.PCI = "0000:20:00.0" }, want: "does not know it"},
		"never seen":          {change: func(d *gpu.Device) { d.VRAMBytes = 0 }, want: "cannot be seen"},
		"full from the start": {s: smi{memory: time.Hour}, change: func(d *gpu.Device) { d.UsedBytes = 70 << 30 }, want: "MiB", after: time.Second},
		"reset":               {o: gpu.WipeOptions{Reset: true}, resets: 1},
		"reset refused":       {s: smi{refuse: true}, o: gpu.WipeOptions{Reset: true}, resets: 1},
		"lost in the reset":   {s: smi{gone: true}, o: gpu.WipeOptions{Reset: true}, resets: 1, want: "after its reset"},
		"a screen":            {o: gpu.WipeOptions{Reset: true}, change: func(d *gpu.Device) { d.Display = true }},
		"no reset while used": {s: smi{process: time.Hour}, o: gpu.WipeOptions{Reset: true}, want: "4711"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := gputest.Tree(t, "h100")
			devs, err := h.Detect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if c.change != nil {
				c.change(&devs[0])
			}
			synctest.Test(t, func(t *testing.T) {
				s := c.s
				s.id, s.began = devs[0].ID, time.Now()
				h.Command = s.command
				err := h.Wiper(c.o).Wipe(t.Context(), devs[0])
				if (err == nil) != (c.want == "") || err != nil && (!errors.Is(err, gpu.ErrDirty) || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("%v, want %q", err, c.want)
				}
				if took := time.Since(s.began); took < c.after || took > c.after+time.Second+30*time.Second*b2i(c.want != "") {
					t.Errorf("took %v, want %v", took, c.after)
				}
				if s.resets != c.resets {
					t.Errorf("%d resets, want %d", s.resets, c.resets)
				}
			})
		})
	}
}

func b2i(b bool) time.Duration {
	if b {
		return 1
	}
	return 0
}

// TestWipeWithout: what cannot be seen is not clean.
func TestWipeWithout(t *testing.T) {
	t.Parallel()
	h := gputest.Tree(t, "nosmi")
	devs, _ := h.Detect(t.Context())
	if err := h.Wiper(gpu.WipeOptions{}).Wipe(t.Context(), devs[0]); !errors.Is(err, gpu.ErrDirty) || !errors.Is(err, gpu.ErrNoCommand) {
		t.Errorf("%v", err)
	}
	if err := h.Wiper(gpu.WipeOptions{}).Wipe(t.Context(), gpu.Device{Vendor: gpu.Apple}); !errors.Is(err, gpu.ErrDirty) {
		t.Errorf("%v", err)
	}
}

// TestWipeSysfs: AMD by its books, Intel by who has the node open.
func TestWipeSysfs(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("links of a tree need rights there")
	}
	quick := gpu.WipeOptions{Timeout: 30 * time.Millisecond, Interval: time.Millisecond}
	put := func(h gpu.Host, name, s string) {
		if err := os.WriteFile(filepath.Join(h.Root, name), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	amd := gputest.Tree(t, "mi300")
	devs, _ := amd.Detect(t.Context())
	check := func(h gpu.Host, d gpu.Device, want string) {
		t.Helper()
		err := h.Wiper(quick).Wipe(t.Context(), d)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !errors.Is(err, gpu.ErrDirty)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	check(amd, devs[0], "")
	const dir = "sys/devices/pci0000:00/0000:05:00.0/"
	put(amd, "sys/class/kfd/kfd/proc/4242/vram_51144", "4096\n")
	check(amd, devs[0], "process 4242")
	put(amd, "sys/class/kfd/kfd/proc/4242/vram_51144", "0\n")
	put(amd, dir+"mem_info_vram_used", "99000000000\n")
	check(amd, devs[0], "MiB are in use")
	put(amd, dir+"mem_info_vram_used", "unknown\n")
	check(amd, devs[0], "cannot be seen")

	arc := gputest.Tree(t, "arc")
	devs, _ = arc.Detect(t.Context())
	check(arc, devs[0], "")
	fd := filepath.Join(arc.Root, "proc/815/fd")
	if err := os.MkdirAll(fd, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/dri/renderD129", filepath.Join(fd, "7")); err != nil {
		t.Fatal(err)
	}
	check(arc, devs[0], "process 815")
}
