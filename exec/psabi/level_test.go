package psabi

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestLevelOfRegisters(t *testing.T) {
	t.Parallel()
	v4 := regs{c1: v2c1 | v3c1, b7: v3b7 | v4b7, cx1: v2cx1 | v3cx1, xcr0: avx512State}
	const (
		sse42, fma, movbe, f16c = 1 << 20, 1 << 12, 1 << 22, 1 << 29
		avx2, bmi2, lzcnt       = 1 << 5, 1 << 8, 1 << 5
		avx512bw                = 1 << 30
	)
	for name, c := range map[string]struct {
		without regs
		want    int
	}{
		"everything":                {regs{}, 4},
		"no AVX-512BW":              {regs{b7: avx512bw}, 3},
		"system without AVX-512":    {regs{xcr0: 1 << 6}, 3},
		"no AVX2":                   {regs{b7: avx2}, 2},
		"no BMI2":                   {regs{b7: bmi2}, 2},
		"no FMA":                    {regs{c1: fma}, 2},
		"no F16C":                   {regs{c1: f16c}, 2},
		"no MOVBE":                  {regs{c1: movbe}, 2},
		"no LZCNT":                  {regs{cx1: lzcnt}, 2},
		"no OSXSAVE":                {regs{c1: osxsave, xcr0: avx512State}, 2},
		"system without AVX":        {regs{xcr0: 1 << 2}, 2},
		"no SSE4.2":                 {regs{c1: sse42}, 1},
		"no LAHF":                   {regs{cx1: v2cx1}, 1},
		"nothing beyond the common": {v4, 1},
	} {
		r := regs{v4.c1 &^ c.without.c1, v4.b7 &^ c.without.b7, v4.cx1 &^ c.without.cx1, v4.xcr0 &^ c.without.xcr0}
		if got := r.level(); got != c.want {
			t.Errorf("%s: level %d, want %d", name, got, c.want)
		}
	}
}

// TestLevelAsLinuxSays compares with what the kernel found by itself.
func TestLevelAsLinuxSays(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		if Level() != 0 {
			t.Errorf("level %d on %s", Level(), runtime.GOARCH)
		}
		return
	}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Skip(err)
	}
	_, line, _ := strings.Cut(string(info), "\nflags")
	line, _, _ = strings.Cut(line, "\n")
	flags := strings.Fields(line)
	want := 1
	for _, needs := range []string{
		"cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3",
		"avx avx2 bmi1 bmi2 f16c fma abm movbe xsave",
		"avx512f avx512bw avx512cd avx512dq avx512vl",
	} {
		if slices.ContainsFunc(strings.Fields(needs), func(f string) bool { return !slices.Contains(flags, f) }) {
			break
		}
		want++
	}
	if got := Level(); got != want {
		t.Errorf("level %d, by /proc/cpuinfo %d", got, want)
	}
}
