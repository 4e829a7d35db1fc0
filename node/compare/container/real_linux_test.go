package container_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest"
	"infernet.tech/infernet/node/alone"
	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/compare/container"
)

// sandbox is a real containerd, or the reason why there is none.
func sandbox(t *testing.T) (*alone.Runtime, string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("containers need root; run the tests as root to have this one")
	}
	bin, err := filepath.Abs("../../../bin/infernet")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(bin), "runtime", "containerd")); err != nil {
		t.Skip("the container runtime is not built; run make build to have this one")
	}
	dir := t.TempDir()
	r, err := alone.Start(t.Context(), filepath.Join(dir, "runtime"), alone.Options{Program: bin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if mounts, _ := os.ReadFile("/proc/self/mountinfo"); strings.Contains(string(mounts), dir) {
			t.Error("mounts are left behind")
		}
	})
	return r, dir
}

// A client's own comparator decides in a real container, and what strangers put
// before it neither holds it up nor takes it over.
func TestRealContainer(t *testing.T) {
	r, dir := sandbox(t)
	img := exectest.Pack(t, exectest.Build(t, "infernet.tech/infernet/node/compare/container/testdata/tolerant"))
	scratch := filepath.Join(dir, "scratch")
	within := func(d time.Duration) *container.Comparator {
		c, err := container.New(container.Config{
			Image: img, Scratch: scratch,
			Limits: exec.Limits{WallClock: d, MemoryBytes: 64 << 20},
		}, r)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c, soon := within(2*time.Minute), within(3*time.Second)
	for _, v := range []struct {
		a, b string
		want compare.Answer
		says string
	}{
		{"1.5", "1.505", compare.Match, "close enough"},
		{"1.5", "1.6", compare.Mismatch, "is not"},
		{"1.5", "one and a half", compare.Inconclusive, "no number in b"},
		{"1.5", "hang", compare.Inconclusive, "timeout"},
		{"1.5", "eat", compare.Inconclusive, "oom"},
		{"take over", "1.5", compare.Inconclusive, "empty folder"},
		{"1.5", "take over", compare.Inconclusive, "empty folder"},
	} {
		start, by := time.Now(), c
		if v.b == "hang" {
			by = soon
		}
		o, err := by.Compare(t.Context(), result(v.a), result(v.b))
		t.Logf("%s, %s: %+v, %v", v.a, v.b, o, time.Since(start).Round(time.Millisecond))
		if err != nil || o.Answer != v.want || !strings.Contains(o.Why, v.says) {
			t.Errorf("%s, %s: %+v, %v", v.a, v.b, o, err)
		}
	}
	groups, unsure, why, err := compare.Groups(t.Context(), c, []fs.FS{result("1.5"), result("7"), result("1.501"), result("?")})
	if err != nil || len(groups) != 2 || len(groups[0]) != 2 || groups[0][1] != 2 || len(unsure) != 1 || unsure[0] != 3 {
		t.Errorf("%v, %v, %q, %v", groups, unsure, why, err)
	}
	if o, err := c.Compare(t.Context(), result("1"), fstest.MapFS{"x": {Mode: fs.ModeNamedPipe}}); err != nil || o.Answer != compare.Mismatch {
		t.Errorf("%+v, %v", o, err)
	}
	if left, _ := os.ReadDir(scratch); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
