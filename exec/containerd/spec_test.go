//go:build linux

package containerd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"infernet.tech/infernet/exec"
)

// TestSpec holds the promises of the package comment in the specification
// itself, whatever the runtime makes of it.
func TestSpec(t *testing.T) {
	t.Parallel()
	s := newSpec(sandbox{
		id: "x", cgroup: "/infernet/a/x", idBase: firstID, args: []string{"/p"}, cwd: "/",
		memory: 64 << 20, swap: true, cpu: 1500, pids: 9, mounts: []specs.Mount{bind("/host/in", "/in")},
	})
	if s.Hooks != nil || !s.Process.NoNewPrivileges || !s.Root.Readonly {
		t.Error("hooks, privileges or a writable root")
	}
	c := s.Process.Capabilities
	if n := len(c.Bounding) + len(c.Effective) + len(c.Inheritable) + len(c.Permitted) + len(c.Ambient); n != 0 {
		t.Errorf("%d capabilities", n)
	}
	var kinds []string
	for _, n := range s.Linux.Namespaces {
		kinds = append(kinds, string(n.Type))
		if n.Path != "" {
			t.Errorf("namespace %s is that of %s", n.Type, n.Path)
		}
	}
	slices.Sort(kinds)
	if want := "cgroup ipc mount network pid user uts"; strings.Join(kinds, " ") != want {
		t.Errorf("namespaces %q", kinds)
	}
	if m := s.Linux.UIDMappings; len(m) != 1 || m[0].HostID == 0 || m[0].Size != idRange {
		t.Errorf("uid mappings %+v", m)
	}
	for _, m := range s.Mounts {
		if !slices.Contains(m.Options, "nosuid") || m.Destination != "/dev" && !slices.Contains(m.Options, "nodev") {
			t.Errorf("mount %s has %q", m.Destination, m.Options)
		}
		if m.Type == "bind" && !slices.Contains(m.Options, "ro") {
			t.Errorf("mount %s is writable", m.Destination)
		}
	}
	r := s.Linux.Resources
	if *r.Memory.Limit != 64<<20 || *r.Memory.Swap != 64<<20 || *r.Pids.Limit != 9 || *r.CPU.Quota != 150_000 {
		t.Errorf("limits %+v %+v %+v", r.Memory, r.Pids, r.CPU)
	}
}

// TestSpecOfGPU: what a GPU and a socket add, and nothing more.
func TestSpecOfGPU(t *testing.T) {
	t.Parallel()
	mounts := []specs.Mount{
		engineFolder("/host/engine"), writable("/host/out", "/out"),
		device("/host/dev/0", "/dev/nvidia0"), library("/usr/lib/libcuda.so", "/usr/lib/libcuda.so"),
	}
	s := newSpec(sandbox{
		mounts: mounts, scratch: 1 << 30,
		devices: []exec.DeviceNode{{Path: "/dev/nvidia0", Major: 195}, {Path: "/dev/nvidiactl", Major: 195, Minor: 255}},
	})
	var rules []string
	for _, d := range s.Linux.Resources.Devices {
		if d.Major == nil {
			rules = append(rules, fmt.Sprintf("%v %s", d.Allow, d.Access))
			continue
		}
		rules = append(rules, fmt.Sprintf("%v %s %d:%d %s", d.Allow, d.Type, *d.Major, *d.Minor, d.Access))
	}
	if want := "false rwm, true c 195:0 rw, true c 195:255 rw"; strings.Join(rules, ", ") != want {
		t.Errorf("device rules %q", rules)
	}
	if s.Hooks != nil || len(s.Linux.Devices) != 0 {
		t.Error("hooks, or devices of the runtime's making")
	}
	options := map[string]string{}
	for _, m := range s.Mounts {
		options[m.Destination] = strings.Join(m.Options, " ") + " "
	}
	for dest, want := range map[string]string{
		"/run/engine": "rw nosuid nodev noexec ", "/out": "rw nosuid nodev ", "/dev/nvidia0": "rw nosuid noexec ",
		"/usr/lib/libcuda.so": "ro nosuid nodev ", "/tmp": "size=1073741824 ", "/dev/shm": "size=1073741824 ",
	} {
		for _, o := range strings.Fields(want) {
			if !strings.Contains(options[dest], o+" ") {
				t.Errorf("%s is not %s: %s", dest, o, options[dest])
			}
		}
	}
	if strings.Contains(options["/dev/nvidia0"], "nodev") || strings.Contains(options["/usr/lib/libcuda.so"], "noexec") {
		t.Errorf("a GPU could not be used: %q", options)
	}
}

func TestSyscalls(t *testing.T) {
	t.Parallel()
	p := syscalls()
	if p.DefaultAction != specs.ActErrno {
		t.Errorf("default action %s", p.DefaultAction)
	}
	for _, rule := range p.Syscalls {
		for _, n := range rule.Names {
			if n == "socket" && len(rule.Args) == 1 && rule.Args[0].Value != unix.AF_PACKET {
				continue
			}
			if slices.Contains(deniedSyscalls, n) {
				t.Errorf("%s has a rule: %+v", n, rule)
			}
			if n == "clone" && rule.Action == specs.ActAllow && len(rule.Args) == 0 {
				t.Error("clone is allowed with any flag")
			}
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	env := environment(
		[]string{"A=1", "LD_PRELOAD=/x", "ld_library_path=/y", "NVIDIA_X=1", "CUDA_HOME=/c", "PATH=/bin", "junk", "=x", "B=\x00"},
		[]string{"A=2", "CUDA_VISIBLE=0"}, []string{"LD_LIBRARY_PATH=/gpu", "CUDA_VISIBLE=1"})
	slices.Sort(env)
	if want := "A=2 CUDA_VISIBLE=1 HOME=/tmp LD_LIBRARY_PATH=/gpu PATH=/bin"; strings.Join(env, " ") != want {
		t.Errorf("%q", env)
	}
}

func TestIDPool(t *testing.T) {
	t.Parallel()
	p := newIDPool("ffffffffffff")
	seen := map[uint32]bool{}
	for range idRanges {
		base, err := p.take()
		if err != nil || seen[base] || base < firstID || base+idRange-1 > 0x7fffffff {
			t.Fatalf("%#x twice or out of range, %v", base, err)
		}
		seen[base] = true
	}
	if _, err := p.take(); err == nil {
		t.Error("more ranges than there are")
	}
	p.give(firstID + 5*idRange)
	if base, err := p.take(); err != nil || base != firstID+5*idRange {
		t.Errorf("%#x, %v", base, err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestLogCap(t *testing.T) {
	t.Parallel()
	floods := 0
	c := &logCap{limit: 10, flood: func() { floods++ }}
	var out bytes.Buffer
	w, e := c.stream(&out), c.stream(failing{})
	for _, s := range []string{"12345678", "90abc", "def"} {
		if n, err := w.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if out.String() != "1234567890" || !c.truncated() {
		t.Errorf("%q", &out)
	}
	block := make([]byte, 1<<20)
	for range 200 {
		if n, err := e.Write(block); n != len(block) || err != nil {
			t.Fatal(n, err)
		}
	}
	if floods != 1 {
		t.Errorf("%d floods", floods)
	}
}

// TestLogRenewal: a task that serves may print for weeks, but not all at once.
func TestLogRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		floods := 0
		c := &logCap{limit: 4, renew: time.Hour, since: time.Now(), flood: func() { floods++ }}
		var out bytes.Buffer
		w := c.stream(&out)
		block := make([]byte, logDrain/2)
		for range 100 {
			for _, p := range [][]byte{[]byte("abcdef"), block} {
				if _, err := w.Write(p); err != nil {
					t.Fatal(err)
				}
			}
			<-time.After(time.Hour)
		}
		if out.String() != strings.Repeat("abcd", 100) || floods != 0 {
			t.Errorf("%d bytes, %d floods", out.Len(), floods)
		}
		for range 3 {
			_, _ = w.Write(block)
		}
		if floods != 1 {
			t.Errorf("%d floods", floods)
		}
	})
}

func TestCollect(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("secret"), 0o600))
	for name, c := range map[string]struct {
		make func(dir string) error
		want error
	}{
		"files":   {func(d string) error { return os.WriteFile(d+"/a", []byte("12345"), 0o4700) }, nil},
		"too big": {func(d string) error { return os.WriteFile(d+"/a", make([]byte, 11), 0o600) }, errOutTooBig},
		"sparse": {func(d string) error {
			return errors.Join(os.WriteFile(d+"/a", nil, 0o600), os.Truncate(d+"/a", 1<<40))
		}, errOutTooBig},
		"link":    {func(d string) error { return os.Symlink(secret, d+"/a") }, errOutKind},
		"fifo":    {func(d string) error { return unix.Mkfifo(d+"/a", 0o600) }, errOutKind},
		"dirlink": {func(d string) error { return os.Symlink("/etc", d+"/a") }, errOutKind},
		"hard links": {func(d string) error {
			return errors.Join(os.WriteFile(d+"/a", make([]byte, 6), 0o600), os.Link(d+"/a", d+"/b"))
		}, errOutTooBig},
	} {
		src, dest := t.TempDir(), filepath.Join(t.TempDir(), "out")
		must(t, c.make(src))
		if err := collect(src, dest, 10); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if info, err := os.Lstat(dest + "/a"); name == "files" && (err != nil || info.Mode() != 0o644) {
			t.Errorf("%v, %v", info, err)
		} else if c.want == errOutKind && err == nil {
			t.Errorf("%s was copied", name)
		}
	}
}

func TestImageUser(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	must(t, os.Mkdir(root+"/etc", 0o755))
	must(t, os.WriteFile(root+"/etc/passwd", []byte("root:x:0:0::/:\nme:x:7:8::/:\nbig:x:99999:1::/:\n"), 0o644))
	must(t, os.WriteFile(root+"/etc/group", []byte("us:x:9:\n"), 0o644))
	for user, want := range map[string][2]uint32{
		"": {0, 0}, "5": {5, 0}, "5:6": {5, 6}, "me": {7, 8}, "me:us": {7, 9}, "5:us": {5, 9},
	} {
		uid, gid, err := imageUser(root, user)
		if err != nil || uid != want[0] || gid != want[1] {
			t.Errorf("%q: %d %d %v", user, uid, gid, err)
		}
	}
	for _, user := range []string{"nobody", "big", "70000", "-1", "5:none"} {
		if _, _, err := imageUser(root, user); !errors.Is(err, exec.ErrImage) {
			t.Errorf("%q: %v", user, err)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	long := "/" + strings.Repeat("long/", 60)
	c, err := Default(long).complete()
	if err != nil {
		t.Fatal(err)
	}
	if len(c.socket())+len(".ttrpc") > 107 || len(c.shimSockets()) > 38 {
		t.Errorf("sockets at %s and %s are too long", c.socket(), c.shimSockets())
	}
	if other, _ := Default(long + "x").complete(); other.cgroup() == c.cgroup() || other.State == c.State {
		t.Error("two roots share cgroup or state")
	}
	if (Config{}).Validate() == nil {
		t.Error("no root is accepted")
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
