package main

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"infernet.tech/infernet/exec/gpu/gputest"
)

func TestShowGPUs(t *testing.T) {
	t.Parallel()
	found, err := gputest.Tree(t, "mixed").Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	a := &app{out: &out, err: &errs}
	a.showGPUs(gpuReportOf(found))
	for _, want := range []string{"INDEX", "NVIDIA GeForce RTX 4090", "24.0 GiB", "8.9", "DG2 [Arc A770]", "0000:0c:00.0"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if !strings.Contains(errs.String(), "left out: amd PCI 1002:744c 0000:0b:00.0: it is set aside") {
		t.Errorf("%s", &errs)
	}
	raw, err := json.Marshal(gpuReportOf(found))
	if err != nil || !bytes.Contains(raw, []byte(`"vendor":"nvidia"`)) {
		t.Errorf("%s, %v", raw, err)
	}
}

func TestCheckGPUs(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("doctor looks at sandboxes on Linux only")
	}
	for tree, want := range map[string][]string{
		"none":  {"ok none found"},
		"h100":  {"ok 1 to lend: NVIDIA H100 80GB HBM3 (79.6 GiB)"},
		"nosmi": {"ok 1 to lend", "warn nvidia: memory and load are not known", "warn nvidia PCI 10de:1c03", "no device node /dev/nvidia1"},
		"arc":   {"ok 1 to lend", "ok intel PCI 8086:4680 0000:00:02.0: it is part of the processor"},
	} {
		var b strings.Builder
		for _, c := range checkGPUs(t.Context(), gputest.Tree(t, tree)) {
			b.WriteString(c.State + " " + c.Detail + "\n")
		}
		for _, w := range want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%s: no %q in\n%s", tree, w, &b)
			}
		}
	}
}
