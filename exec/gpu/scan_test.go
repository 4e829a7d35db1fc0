package gpu_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/gpu"
	"infernet.tech/infernet/exec/gpu/gputest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// describe writes a machine for people to compare.
func describe(t *testing.T, h gpu.Host) string {
	t.Helper()
	r, err := h.Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	var before []exec.BindMount
	for _, d := range r.Devices {
		fmt.Fprintf(&b, "%d %s %s %q driver=%q compute=%q pci=%s vram=%d used=%d load=%d temp=%d nodes=%v display=%t\n",
			d.Index, d.Vendor, d.ID, d.Name, d.Driver, d.Compute, d.PCI, d.VRAMBytes, d.UsedBytes,
			d.Utilisation, d.TemperatureC, d.Nodes, d.Display)
		in, err := h.Inject(t.Context(), []gpu.Device{d})
		if err != nil {
			fmt.Fprintf(&b, "  inject: %v\n", err)
			continue
		}
		for _, n := range in.Devices {
			fmt.Fprintf(&b, "  node %s %d:%d %o\n", n.Path, n.Major, n.Minor, n.Mode)
		}
		if len(in.Mounts) > 0 && slices.Equal(in.Mounts, before) {
			b.WriteString("  mounts as before\n")
			continue
		}
		before = in.Mounts
		for _, m := range in.Mounts {
			fmt.Fprintf(&b, "  mount %s %s\n", m.Source, m.Destination)
		}
		for _, e := range in.Env {
			fmt.Fprintf(&b, "  env %s\n", e)
		}
	}
	for _, o := range r.Odd {
		fmt.Fprintf(&b, "odd %s %s %q used=%t: %s; fix: %s\n", o.Vendor, o.PCI, o.Name, o.Used, o.Reason, o.Fix)
	}
	return b.String()
}

func TestTrees(t *testing.T) {
	t.Parallel()
	for _, name := range gputest.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := describe(t, gputest.Tree(t, name))
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestNothing: a machine of another kind, and one without any folder.
func TestNothing(t *testing.T) {
	t.Parallel()
	for _, h := range []gpu.Host{
		{Root: t.TempDir()},
		{Root: filepath.Join(t.TempDir(), "missing"), OS: "windows"},
		{Root: t.TempDir(), OS: "darwin"},
	} {
		if devs, err := h.Detect(t.Context()); err != nil || len(devs) != 0 {
			t.Errorf("%+v: %v, %v", h, devs, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := gputest.Tree(t, "h100").Detect(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that is over: %v", err)
	}
}

// TestHung: nvidia-smi hangs or floods; the cards are there all the same.
func TestHung(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]func(context.Context, string, ...string) ([]byte, error){
		"hangs":  func(context.Context, string, ...string) ([]byte, error) { return nil, context.DeadlineExceeded },
		"floods": func(context.Context, string, ...string) ([]byte, error) { return make([]byte, 2<<20), nil },
		"rubbish": func(context.Context, string, ...string) ([]byte, error) {
			return []byte(strings.Repeat("\xff\x1b[2J,,,,,,,,,,,,,\n", 3000)), nil
		},
	} {
		h := gputest.Tree(t, "h100")
		h.Command = command
		r, err := h.Scan(t.Context())
		if err != nil || len(r.Devices) != 1 || r.Devices[0].VRAMBytes != 0 || len(r.Odd) == 0 || !r.Odd[0].Used {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		for _, o := range r.Odd {
			if strings.ContainsFunc(o.Reason, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s: reason %q", name, o.Reason)
			}
		}
	}
}

func TestInjector(t *testing.T) {
	t.Parallel()
	h := gputest.Tree(t, "mixed")
	devs, err := h.Detect(t.Context())
	if err != nil || len(devs) != 3 {
		t.Fatalf("%v, %v", devs, err)
	}
	inject := h.Injector(devs)
	if _, err := inject(t.Context(), []string{"GPU-stranger"}); !errors.Is(err, exec.ErrNoGPU) || !errors.Is(err, gpu.ErrNoGPU) {
		t.Errorf("a stranger's card: %v", err)
	}
	in, err := inject(t.Context(), []string{devs[1].ID})
	if err != nil || len(in.Mounts)+len(in.Env) != 0 || len(in.Devices) != 2 {
		t.Errorf("AMD: %+v, %v", in, err)
	}
	if in, err := inject(t.Context(), nil); err != nil || len(in.Devices) != 0 {
		t.Errorf("none: %+v, %v", in, err)
	}
	none := devs[0]
	none.Driver = "999.1"
	if _, err := h.Inject(t.Context(), []gpu.Device{none}); !errors.Is(err, gpu.ErrDriver) || !strings.Contains(err.Error(), "restart") {
		t.Errorf("libraries of another version: %v", err)
	}
	// Two cards of one kind share what they share.
	h = gputest.Tree(t, "eight")
	devs, _ = h.Detect(t.Context())
	all, err := h.Inject(t.Context(), devs)
	if err != nil || len(all.Devices) != 7+2 || len(all.Env) != 2 {
		t.Errorf("%d nodes, %v, %v", len(all.Devices), all.Env, err)
	}
}

func TestApple(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"system_profiler": `{"SPDisplaysDataType":[
			{"_name":"kHW_IntelUHD","sppci_model":"AMD Radeon Pro 560X","spdisplays_vendor":"sppci_vendor_amd"},
			{"_name":"Apple M2 Max","sppci_model":"Apple M2 Max","sppci_cores":"38","spdisplays_vendor":"sppci_vendor_Apple","spdisplays_mtlgpufamilysupport":"spdisplays_metal3","spdisplays_ndrvs":[{"_name":"Color LCD"}]}]}`,
		"sysctl -n hw.memsize":           "68719476736\n",
		"sysctl -n iogpu.wired_limit_mb": "0\n",
	}
	h := gpu.Host{Root: t.TempDir(), OS: "darwin", Command: func(_ context.Context, name string, args ...string) ([]byte, error) {
		for k, v := range answers {
			if strings.HasPrefix(name+" "+strings.Join(args, " "), k) {
				return []byte(v), nil
			}
		}
		return nil, gpu.ErrNoCommand
	}}
	r, err := h.Scan(t.Context())
	if err != nil || len(r.Devices) != 1 || len(r.Odd) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	d := r.Devices[0]
	if d.VRAMBytes != 48<<30 || d.Name != "Apple M2 Max" || d.Compute != "metal3" || !d.Display {
		t.Errorf("%+v", d)
	}
	answers["sysctl -n iogpu.wired_limit_mb"] = "57344"
	if devs, _ := h.Detect(t.Context()); devs[0].VRAMBytes != 56<<30 {
		t.Errorf("with the owner's limit: %d", devs[0].VRAMBytes)
	}
	if _, err := h.Inject(t.Context(), r.Devices); !errors.Is(err, gpu.ErrNoGPU) {
		t.Errorf("a sandbox on a Mac: %v", err)
	}
	answers["system_profiler"] = `{"SPDisplaysDataType":7}`
	if r, err := h.Scan(t.Context()); err != nil || len(r.Devices) != 0 || len(r.Odd) != 1 {
		t.Errorf("rubbish: %+v, %v", r, err)
	}
}
