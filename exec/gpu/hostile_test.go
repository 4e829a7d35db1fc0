//go:build linux

package gpu_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"infernet.tech/infernet/exec/gpu"
	"infernet.tech/infernet/exec/gpu/gputest"
)

// spoil puts something else where the tree of h has a file. All errors end the
// test: a spoiling that did not happen proves nothing.
func spoil(t *testing.T, h gpu.Host, name string, how func(at string) error) {
	t.Helper()
	at := filepath.Join(h.Root, name)
	if err := os.RemoveAll(at); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := how(at); err != nil {
		t.Fatal(err)
	}
}

func text(s string) func(string) error {
	return func(at string) error { return os.WriteFile(at, []byte(s), 0o600) }
}

func link(target string) func(string) error {
	return func(at string) error { return os.Symlink(target, at) }
}

func fifo(at string) error { return unix.Mkfifo(at, 0o600) }

// huge is a file of 1 TiB without a byte on the disk.
func huge(at string) error {
	if err := os.WriteFile(at, nil, 0o600); err != nil {
		return err
	}
	return os.Truncate(at, 1<<40)
}

// TestHostile spoils one thing after another of a machine with cards of three
// vendors. What is asked: no panic, no hang, nothing from outside the tree,
// clean texts, and the cards that are not concerned stay.
func TestHostile(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("Model: leaked\nGPU UUID: leaked\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const nv, amd, arc = "sys/devices/pci0000:00/0000:0a:00.0", "sys/devices/pci0000:00/0000:0c:00.0", "sys/devices/pci0000:00/0000:03:00.0"
	info := "proc/driver/nvidia/gpus/0000:0a:00.0/information"
	for name, c := range map[string]struct {
		at   string
		how  func(string) error
		left int // cards
	}{
		"pipe for information":    {info, fifo, 2},
		"huge information":        {info, huge, 2},
		"link out of the tree":    {info, link(secret), 2},
		"link up and out":         {info, link("../../../../../../../../../../../../.." + secret), 2},
		"ring":                    {info, link("information"), 2},
		"folder":                  {info, func(at string) error { return os.Mkdir(at, 0o700) }, 2},
		"not text":                {info, text("Model: \xff\xfe\x1b[31mevil\u202e\nGPU UUID: GPU-\xff\nDevice Minor: 0\n"), 3},
		"minor of a path":         {info, text("Model: a\nDevice Minor: 0/../../mem\n"), 2},
		"minor of another":        {info, text("Model: a\nDevice Minor: 77\n"), 2},
		"huge version":            {"proc/driver/nvidia/version", huge, 3},
		"class of rubbish":        {amd + "/class", text("\x00\x00\x00"), 2},
		"endless vram":            {amd + "/mem_info_vram_total", text(strings.Repeat("9", 5000)), 3},
		"hostile serial":          {amd + "/unique_id", text("../../../etc\n"), 3},
		"hostile name":            {amd + "/product_name", text("a\x1b]0;title\x07" + strings.Repeat("é", 2000)), 3},
		"pipe for class":          {arc + "/class", fifo, 2},
		"driver link to nothing":  {arc + "/driver", link("/nowhere/else"), 2},
		"driver link of rubbish":  {arc + "/driver", link("\xff\xfe"), 2},
		"pipe for PCI names":      {"usr/share/misc/pci.ids", fifo, 3},
		"huge PCI names":          {"usr/share/misc/pci.ids", huge, 3},
		"negative window":         {arc + "/resource", text("0x0 0x0 0x0\n\n0xffffffffffffffff 0x1 0x1\n"), 3},
		"rubbish in the cache":    {"etc/ld.so.cache", text("ld.so-1.7.0\x00\xff\xff\xff\xff" + strings.Repeat("\xff", 400)), 3},
		"huge cache":              {"etc/ld.so.cache", huge, 3},
		"card that is many":       {amd + "/drm/renderD99999999999999999999", text(""), 3},
		"all of kfd a link":       {"sys/class/kfd/kfd/topology/nodes", link("/"), 3},
		"nvidia without its bus":  {nv, text("not a folder"), 3},
		"temperature of the sun":  {arc + "/hwmon/hwmon2/temp2_input", text("15000000000\n"), 3},
		"nodes in a ring":         {"sys/class/kfd", link("kfd"), 3},
		"gpus a pipe":             {"proc/driver/nvidia/gpus", fifo, 2},
		"device names of rubbish": {"sys/bus/pci/devices/\xff\xfe:..", text(""), 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := gputest.Tree(t, "mixed")
			// Without /proc a single card would be matched by its node alone.
			spoil(t, h, "dev/nvidia1", text(""))
			spoil(t, h, c.at, c.how)
			began := time.Now()
			got := describe(t, h)
			if took := time.Since(began); took > time.Minute {
				t.Errorf("took %v", took)
			}
			devs, err := h.Detect(t.Context())
			if err != nil || len(devs) != c.left {
				t.Errorf("%d cards, want %d, %v\n%s", len(devs), c.left, err, got)
			}
			if strings.Contains(got, "leaked") || strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }) {
				t.Errorf("unclean:\n%q", got)
			}
			for _, d := range devs {
				if len(d.Name) > 64 || len(d.ID) > 80 || d.VRAMBytes > 1<<40 {
					t.Errorf("%+v", d)
				}
			}
		})
	}
}

// TestManyCards: a tree of a thousand cards is looked at in part.
func TestManyCards(t *testing.T) {
	t.Parallel()
	h := gputest.Tree(t, "none")
	for i := range 1000 {
		dir := filepath.Join("sys/bus/pci/devices", pciOf(i))
		spoil(t, h, dir+"/class", text("0x030000\n"))
		spoil(t, h, dir+"/vendor", text("0x10de\n"))
	}
	r, err := h.Scan(t.Context())
	if err != nil || len(r.Devices) != 0 || len(r.Odd) == 0 || len(r.Odd) > 400 {
		t.Errorf("%d cards, %d odd, %v", len(r.Devices), len(r.Odd), err)
	}
}

func pciOf(i int) string {
	const hex = "0123456789abcdef"
	return "0000:" + string([]byte{hex[i>>7&15], hex[i>>3&15], ':', '0', '0', '.', hex[i&7]})
}

// TestOneNodeTwice: two cards that claim one device node are one tenant's.
func TestOneNodeTwice(t *testing.T) {
	t.Parallel()
	h := gputest.Tree(t, "h100")
	spoil(t, h, "proc/driver/nvidia/gpus/0000:20:00.0/information",
		text("Model: other\nGPU UUID: GPU-00000020-1111-2222-3333-000000000020\nDevice Minor: 0\n"))
	r, err := h.Scan(t.Context())
	if err != nil || len(r.Devices) != 1 || len(r.Odd) != 1 || !strings.Contains(r.Odd[0].Reason, r.Devices[0].ID) {
		t.Errorf("%+v, %v", r, err)
	}
}
