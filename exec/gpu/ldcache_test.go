package gpu

import (
	"encoding/binary"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// cacheOf makes a cache as glibc writes it, by hand and not by gputest, which
// cannot be imported here.
func cacheOf(old bool, pairs ...[2]string) []byte {
	out := make([]byte, newHeader+newEntry*len(pairs))
	copy(out, newMagic)
	binary.LittleEndian.PutUint32(out[20:], uint32(len(pairs)))
	for i, p := range pairs {
		e := out[newHeader+i*newEntry:]
		binary.LittleEndian.PutUint32(e[4:], uint32(len(out)))
		binary.LittleEndian.PutUint32(e[8:], uint32(len(out)+len(p[0])+1))
		out = append(out, p[0]+"\x00"+p[1]+"\x00"...)
	}
	if old {
		before := make([]byte, (oldHeader+3*oldEntry+7)&^7)
		copy(before, oldMagic)
		binary.LittleEndian.PutUint32(before[12:], 3)
		out = append(before, out...)
	}
	return out
}

func TestParseCache(t *testing.T) {
	t.Parallel()
	for _, old := range []bool{false, true} {
		raw := cacheOf(old, [2]string{"liba.so.1", "/usr/lib/liba.so.1"}, [2]string{"liba.so.1", "/usr/lib32/liba.so.1"}, [2]string{"libb.so", "relative"})
		got := parseCache(raw)
		if !slices.Equal(got["liba.so.1"], []string{"/usr/lib/liba.so.1", "/usr/lib32/liba.so.1"}) || len(got) != 1 {
			t.Errorf("old %t: %v", old, got)
		}
		for n := range raw {
			parseCache(raw[:n]) // no panic
		}
	}
}

// TestRealCache reads this machine's own.
func TestRealCache(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("/etc/ld.so.cache")
	if err != nil {
		t.Skip("no cache here: ", err)
	}
	if got := parseCache(raw); len(got["libc.so.6"]) == 0 || !strings.Contains(got["libc.so.6"][0], "/libc.so.6") {
		t.Errorf("%d names, libc in %v", len(got), got["libc.so.6"])
	}
	if _, known := elfMachine[runtime.GOARCH]; known {
		if real, _ := (Host{}).library("libc.so.6", "", parseCache(raw)); real == "" {
			t.Error("this machine's libc is not found")
		}
	}
}

func FuzzCache(f *testing.F) {
	f.Add(cacheOf(true, [2]string{"libcuda.so.1", "/usr/lib/libcuda.so.1"}))
	f.Add(cacheOf(false, [2]string{"a", "/b"}, [2]string{"a", "/c"}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for name, paths := range parseCache(raw) {
			if name == "" || len(paths) == 0 || len(paths) > 16 {
				t.Fatalf("%q: %q", name, paths)
			}
		}
	})
}

func FuzzSMI(f *testing.F) {
	f.Add("00000000:19:00.0, GPU-00000019-1111-2222-3333-000000000019, 580.159.03, 81559, 4, 0, 31, Disabled, 9.0, Disabled, NVIDIA H100")
	f.Add("a,b,c,[N/A],ERR!,,,,,,,,,,")
	f.Fuzz(func(t *testing.T, line string) {
		r, ok := parseSMI(line, smiFields)
		if ok && (pciName(r.pci) != r.pci || len(r.name) > maxName || len(r.fault) > 2*maxName || r.load > 100 || r.total > 1<<50) {
			t.Fatalf("%+v", r)
		}
	})
}
