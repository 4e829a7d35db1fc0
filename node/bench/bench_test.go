package bench

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node/api"
)

func TestNoopIsAProgram(t *testing.T) {
	t.Parallel()
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		raw, err := noop(arch)
		if err != nil {
			t.Fatal(err)
		}
		f, err := elf.NewFile(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%s: %v", arch, err)
		}
		if f.Machine != machine || f.Type != elf.ET_EXEC || len(f.Progs) != 1 {
			t.Errorf("%s: %+v", arch, f.FileHeader)
		}
		p := f.Progs[0]
		if p.Filesz != uint64(len(raw)) || f.Entry != p.Vaddr+uint64(len(raw)-len(exitCode[arch].code)) {
			t.Errorf("%s: entry %#x, segment %+v", arch, f.Entry, p.ProgHeader)
		}
	}
	if _, err := noop("riscv64"); err == nil {
		t.Error("a program for a processor that has none")
	}
}

func TestSummarise(t *testing.T) {
	t.Parallel()
	got := summarise([]float64{5, 1, 4, 2, 3})
	if want := (Series{N: 5, Median: 3, P90: 4.6, P99: 4.96, Min: 1, Max: 5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if round(0.00123) != 0.0012 || round(0.126) != 0.13 || round(-12.345) != -12.35 && round(-12.345) != -12.34 || round(0) != 0 {
		t.Error("little is not what it was")
	}
	if summarise(nil) != (Series{}) || ratio(1, 0) != 0 || ratio(3, 2) != 1.5 {
		t.Error("nothing is not nothing")
	}
}

func TestPhases(t *testing.T) {
	t.Parallel()
	began := time.UnixMilli(1_000_000)
	at := func(ms int64, text string) api.Note { return api.Note{AtMS: began.UnixMilli() + ms, Text: text} }
	var p phases
	p.add(began, began.Add(2*time.Millisecond), began.Add(90*time.Millisecond), []api.Note{
		at(5, "job: matching -> dispatched"), at(9, "shard 0: funded -> running (why)"),
		at(60, "shard 0: running -> committed"), at(64, "attempt 0/0: revealing -> revealed"),
		at(65, "attempt 0/0: revealed -> fetched"), at(65, "shard 0: revealed -> verified"),
		at(80, "shard 0: verified -> paid"), at(88, "job: settling -> done"),
	})
	want := []float64{2, 3, 4, 51, 4, 1, 0, 15, 8, 2}
	for i, x := range p.list() {
		if x.Took.Median != want[i] {
			t.Errorf("%s took %v, want %v", x.Name, x.Took.Median, want[i])
		}
	}
}

func TestTransfer(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	got, err := RunTransfer(t.Context(), TransferConfig{Size: 5<<20 + 7, Files: 30, FileSize: 1000, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Ways) != 16 || len(got.Ratios) < 14 {
		t.Errorf("%d ways, %d ratios", len(got.Ways), len(got.Ratios))
	}
	for _, w := range got.Ways {
		want := int64(5<<20 + 7)
		if strings.HasSuffix(w.Name, " one") || strings.HasSuffix(w.Name, " many") {
			want = 30_000
		}
		if w.Speed.N != 1 || w.Speed.Median <= 0 || w.Bytes != want || w.Memory.Min < 0 {
			t.Errorf("%+v", w)
		}
	}
	for _, r := range got.Ratios {
		if r.Value < 0 || r.What == "" || r.Value == 0 && r.AtLeast > 0 && r.Met() {
			t.Errorf("%+v", r)
		}
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestTransferWithoutSmallFiles(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	got, err := RunTransfer(t.Context(), TransferConfig{Size: 1 << 20, Rounds: 1})
	if err != nil || len(got.Ways) != 11 {
		t.Fatalf("%d ways, %v", len(got.Ways), err)
	}
	for _, r := range got.Ratios {
		if strings.Contains(r.Name, "many") {
			t.Errorf("%+v of what was left out", r)
		}
	}
}

func TestRatios(t *testing.T) {
	t.Parallel()
	speed := func(name string, mb float64) Way {
		return Way{
			Name: name, Speed: Series{N: 1, Median: mb}, Memory: Series{N: 1, Max: mb}, CPU: Series{N: 1, Median: 1 / mb},
		}
	}
	got := ratios([]Way{speed(wayBlob, 50), speed(wayStream, 100), speed(wayAddOne, 300), speed(wayAddMany, 200)})
	want := map[string]struct {
		value float64
		met   bool
	}{"blob / stream": {0.5, false}, "stream / blob, processor time": {0.5, true}, "add one / add many": {1.5, true},
		"add one / add many, processor time": {0.67, true}, "blob, memory": {50, true}}
	for _, r := range got {
		if w, ok := want[r.Name]; !ok || r.Value != w.value || r.Met() != w.met {
			t.Errorf("%+v, met %v", r, r.Met())
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d ratios of %d", len(got), len(want))
	}
}

func TestResidentGrowthIsSeen(t *testing.T) {
	if residentBytes() < 0 {
		t.Skip("the system does not tell")
	}
	debug.FreeOSMemory() // what other tests have left would be used first
	stop := watchResident(t.Context())
	grown := make([]byte, 64<<20)
	for i := range grown {
		grown[i] = byte(i)
	}
	if grew := stop(); grew < 32<<20 {
		t.Errorf("%d bytes of %d were seen", grew, len(grown))
	}
	runtime.KeepAlive(grown)
}

func TestTransferStops(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	report := func(string) { cancel() }
	if _, err := RunTransfer(ctx, TransferConfig{Size: 5 << 20, Rounds: 1, Report: report}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*"))
	if len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestConfigs(t *testing.T) {
	t.Parallel()
	bad := DefaultDispatch()
	bad.N = 0
	for _, err := range []error{
		bad.Validate(), TransferConfig{Size: 1, Rounds: 1}.Validate(), TransferConfig{Size: 1 << 20}.Validate(),
		TransferConfig{Size: 1 << 20, Rounds: 1, Files: -1}.Validate(), TransferConfig{Size: 1 << 20, Rounds: 1, Files: 1}.Validate(),
	} {
		if !errors.Is(err, ErrConfig) {
			t.Errorf("got %v", err)
		}
	}
	if err := errors.Join(DefaultDispatch().Validate(), DefaultTransfer().Validate()); err != nil {
		t.Error(err)
	}
}
