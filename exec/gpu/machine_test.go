package gpu_test

import (
	"os"
	"strings"
	"testing"

	"infernet.tech/infernet/exec/gpu"
)

// TestMachine looks at this very machine. Where it has a GPU, all that a
// sandbox would get has to be there. It changes no setting and resets nothing.
func TestMachine(t *testing.T) {
	t.Parallel()
	var h gpu.Host
	r, err := h.Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range r.Odd {
		t.Logf("odd: %+v", o)
	}
	if len(r.Devices) == 0 {
		t.Skip("this machine has no usable GPU")
	}
	for _, d := range r.Devices {
		t.Logf("%+v", d)
		if d.Name == "" || d.Driver == "" || d.Vendor == gpu.NVIDIA && !strings.HasPrefix(d.ID, "GPU-") {
			t.Errorf("incomplete: %+v", d)
		}
	}
	if r.Devices[0].Vendor == gpu.Apple {
		return
	}
	in, err := h.Inject(t.Context(), r.Devices)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range in.Devices {
		if info, err := os.Stat(n.Path); err != nil || info.Mode()&os.ModeCharDevice == 0 {
			t.Errorf("%s: %v", n.Path, err)
		}
	}
	for _, m := range in.Mounts {
		t.Logf("%s at %s", m.Source, m.Destination)
		if info, err := os.Lstat(m.Source); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s: %v", m.Source, err)
		}
	}
	raw, err := h.CDI(r.Devices)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range r.Devices {
		names = append(names, gpu.CDIKind+"="+d.ID)
	}
	if got := injected(apply(t, raw, names)); !same(got, in) {
		t.Errorf("CDI\n%+v\nInject\n%+v", got, in)
	}
	b := gpu.NewBook(r.Devices, h.Wiper(gpu.WipeOptions{}))
	l, err := b.TryTake(gpu.Request{Count: gpu.All}, "test")
	if err != nil {
		t.Fatal(err)
	}
	// Another program may be at work on it: then a quarantine is right.
	t.Logf("release: %v", l.Release(t.Context()))
}
