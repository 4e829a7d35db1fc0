package gpu_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	oci "github.com/opencontainers/runtime-spec/specs-go"
	"tags.cncf.io/container-device-interface/pkg/cdi"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/gpu"
	"infernet.tech/infernet/exec/gpu/gputest"
)

// apply lets the CDI project's own library read a specification, and use it
// for those devices on an empty container.
func apply(t *testing.T, raw []byte, names []string) *oci.Spec {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "infernet.json"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	cache, err := cdi.NewCache(cdi.WithSpecDirs(dir), cdi.WithAutoRefresh(false))
	if err != nil {
		t.Fatal(err)
	}
	if errs := cache.GetErrors(); len(errs) > 0 {
		t.Fatalf("the specification is refused: %v", errs)
	}
	spec := &oci.Spec{}
	if missing, err := cache.InjectDevices(spec, names...); err != nil {
		t.Fatalf("%v: missing %v: %v", names, missing, err)
	}
	return spec
}

// injected reads back what a container of that specification gets.
func injected(spec *oci.Spec) exec.Injection {
	var in exec.Injection
	if spec.Linux != nil {
		for _, d := range spec.Linux.Devices {
			n := exec.DeviceNode{Path: d.Path, Major: d.Major, Minor: d.Minor}
			if d.FileMode != nil {
				n.Mode = *d.FileMode
			}
			in.Devices = append(in.Devices, n)
		}
	}
	for _, m := range spec.Mounts {
		in.Mounts = append(in.Mounts, exec.BindMount{Source: m.Source, Destination: m.Destination})
	}
	if spec.Process != nil {
		in.Env = spec.Process.Env
	}
	return in
}

// same compares without order: CDI sorts mounts by depth.
func same(a, b exec.Injection) bool {
	set := func(in exec.Injection) string {
		var all []string
		for _, x := range []any{in.Devices, in.Mounts, in.Env} {
			raw, _ := json.Marshal(x)
			var list []any
			_ = json.Unmarshal(raw, &list)
			for _, e := range list {
				one, _ := json.Marshal(e)
				all = append(all, string(one))
			}
		}
		slices.Sort(all)
		return strings.Join(all, "\n")
	}
	return set(a) == set(b)
}

// TestCDIIsInject: the two cannot differ, for one card by either name, for
// each vendor, and for all at once.
func TestCDIIsInject(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"h100", "eight", "mi300", "arc", "mixed", "nosmi", "old"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := gputest.Tree(t, name)
			devs, err := h.Detect(t.Context())
			if err != nil || len(devs) == 0 {
				t.Fatalf("%v, %v", devs, err)
			}
			raw, err := h.CDI(devs)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(strings.ToLower(string(raw)), "hook") {
				t.Error("a hook in the specification")
			}
			check := func(want []gpu.Device, names ...string) {
				in, err := h.Inject(t.Context(), want)
				if err != nil {
					t.Fatal(err)
				}
				for i, n := range names {
					names[i] = gpu.CDIKind + "=" + n
				}
				if got := injected(apply(t, raw, names)); !same(got, in) {
					t.Errorf("%v: CDI\n%+v\nInject\n%+v", names, got, in)
				}
			}
			var ids []string
			for _, d := range devs {
				check([]gpu.Device{d}, d.ID)
				check([]gpu.Device{d}, strconv.Itoa(d.Index))
				ids = append(ids, d.ID)
			}
			check(devs, ids...)
		})
	}
}

// TestCDIMounts: everything mounted is read-only.
func TestCDIMounts(t *testing.T) {
	t.Parallel()
	h := gputest.Tree(t, "h100")
	devs, _ := h.Detect(t.Context())
	raw, err := h.CDI(devs)
	if err != nil {
		t.Fatal(err)
	}
	spec := apply(t, raw, []string{gpu.CDIKind + "=0"})
	if len(spec.Mounts) == 0 || spec.Hooks != nil {
		t.Fatalf("%d mounts, hooks %v", len(spec.Mounts), spec.Hooks)
	}
	for _, m := range spec.Mounts {
		if !slices.Contains(m.Options, "ro") || !strings.HasPrefix(m.Destination, gpu.Dir+"/") {
			t.Errorf("%+v", m)
		}
	}
	if _, err := h.CDI(nil); err == nil {
		t.Error("a specification of nothing")
	}
}
