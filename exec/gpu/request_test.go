package gpu_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"infernet.tech/infernet/exec/gpu"
)

func TestParseRequest(t *testing.T) {
	t.Parallel()
	ids := func(ids ...string) gpu.Request { return gpu.Request{IDs: ids} }
	for text, want := range map[string]gpu.Request{
		"":                               {},
		"none":                           {},
		"0":                              {},
		"all":                            {Count: gpu.All},
		"-1":                             {Count: gpu.All},
		"2":                              {Count: 2},
		" 2 ":                            {Count: 2},
		"count=2":                        {Count: 2},
		"count=all":                      {Count: gpu.All},
		"device=0":                       ids("0"),
		`"device=0,2"`:                   ids("0", "2"),
		`'"device=0,2"'`:                 ids("0", "2"),
		"device=0,2":                     ids("0", "2"),
		"device=0,GPU-aa":                ids("0", "GPU-aa"),
		"device=0000:03:00.0":            ids("0000:03:00.0"),
		`"device=0,1",driver=nvidia`:     {IDs: []string{"0", "1"}, Vendor: gpu.NVIDIA},
		"driver=AMD":                     {Count: 1, Vendor: gpu.AMD},
		"driver=nvidia,count=4":          {Count: 4, Vendor: gpu.NVIDIA},
		"capabilities=compute":           {Count: 1, Capabilities: []string{"compute"}},
		`all,"capabilities=gpu,utility"`: {Count: gpu.All, Capabilities: []string{"gpu", "utility"}},
	} {
		got, err := gpu.ParseRequest(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for text, word := range map[string]string{
		"two":                    "all or 1 to 64",
		"65":                     "1 to 64",
		"-2":                     "1 to 64",
		"+2":                     "1 to 64",
		"2,3":                    "twice",
		"count=2,device=0":       "both",
		"2,device=0":             "both",
		"device=":                "an index",
		"device=0,0":             "twice",
		"device=../../etc":       "an index",
		"device=MIG-0123":        "whole GPUs",
		"driver=cuda":            "nvidia, amd",
		"capabilities=graphics":  "no screen",
		"options=x":              "options",
		"gpus=1":                 "want all",
		`"device=0`:              "quotes",
		"1\n2":                   "one line",
		strings.Repeat("1", 2e3): "bytes long",
		"device=" + manyIDs(65):  "more than 64",
	} {
		r, err := gpu.ParseRequest(text)
		if !errors.Is(err, gpu.ErrRequest) || !strings.Contains(fmt.Sprint(err), word) {
			t.Errorf("%.40q: %+v, %v, want %q", text, r, err, word)
		}
	}
}

func manyIDs(n int) string {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprint(i))
	}
	return strings.Join(ids, ",")
}

// cards of two vendors, as a Host numbers them.
func cards() []gpu.Device {
	var out []gpu.Device
	for i := range 4 {
		out = append(out, gpu.Device{
			ID: fmt.Sprintf("GPU-%08x-0000-0000-0000-000000000000", 0xa0000+i), Index: i, Vendor: gpu.NVIDIA,
			PCI: fmt.Sprintf("0000:%02x:00.0", i+1), VRAMBytes: 24 << 30, Name: "NVIDIA RTX A5000",
			Nodes: []string{fmt.Sprintf("/dev/nvidia%d", i)},
		})
	}
	for i := range 2 {
		out = append(out, gpu.Device{
			ID: fmt.Sprintf("0000:%02x:00.0", i+0x80), PCI: fmt.Sprintf("0000:%02x:00.0", i+0x80), Index: 4 + i,
			Vendor: gpu.AMD, VRAMBytes: 192 << 30, Name: "AMD Instinct MI300X",
			Nodes: []string{fmt.Sprintf("/dev/dri/renderD%d", 128+i)},
		})
	}
	return out
}

func TestSelect(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"none":                          "[]",
		"1":                             "[0]",
		"4":                             "[0 1 2 3]",
		"all":                           "[0 1 2 3 4 5]",
		"driver=amd":                    "[4]",
		"2,driver=amd":                  "[4 5]",
		"all,driver=amd":                "[4 5]",
		"device=5,0":                    "[5 0]",
		"device=0000:81:00.0":           "[5]",
		"device=0000:02:00.0":           "[1]",
		"device=gpu-000A0002":           "[2]",
		"5":                             gpu.ErrNoGPU.Error(), // six cards, but no five of one kind
		"driver=intel":                  gpu.ErrNoGPU.Error(),
		"all,driver=intel":              gpu.ErrNoGPU.Error(),
		"device=6":                      gpu.ErrNoGPU.Error(),
		"device=GPU-000b":               gpu.ErrNoGPU.Error(),
		"device=0,driver=amd":           gpu.ErrNoGPU.Error(),
		"device=GPU-000a":               "fits 4 devices",
		"device=0,0000:01:00.0":         "named already",
		"device=GPU-000a000":            "fits 4 devices",
		"device=1,driver=nvidia":        "[1]",
		"count=2,capabilities=compute":  "[0 1]",
		`"device=3,1","driver=nvidia"`:  "[3 1]",
		"device=0000:80:00.0,driver=me": "", // refused when parsed
	} {
		r, err := gpu.ParseRequest(text)
		if (err == nil) == (want == "") {
			t.Fatalf("%q: %v", text, err)
		} else if err != nil {
			continue
		}
		devs, err := r.Select(cards())
		got := fmt.Sprint(indices(devs))
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func indices(devs []gpu.Device) []int {
	out := []int{}
	for _, d := range devs {
		out = append(out, d.Index)
	}
	return out
}

func FuzzRequest(f *testing.F) {
	for _, s := range []string{"all", "2", "-1", "device=0,GPU-aa", `"device=0,2",driver=amd`, `'"capabilities=gpu,compute"'`, "count=2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := gpu.ParseRequest(s)
		if err != nil {
			if !errors.Is(err, gpu.ErrRequest) || len(err.Error()) > 400 {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		again, err := gpu.ParseRequest(r.String())
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Fatalf("%q: %+v is written %q and read %+v, %v", s, r, r, again, err)
		}
		if devs, err := r.Select(cards()); err == nil && r.Count > 0 && len(devs) != r.Count {
			t.Fatalf("%q: %d cards", s, len(devs))
		}
	})
}

func TestFilter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": true, "vram>=24": true, "vram>=192": true, "vram>=192GiB": true, "vram>=215": false, "vram>=200TB": false,
		"vram<24": false, "vram<=26": true, "vram=24": true, "vram=48": false, "vram > 24": true, "vram>206": false,
		"vram>=24,count>=6": true, "vram>=80,count>=2": true, "vram>=80,count>=3": false, "count=6": true,
		"name~a5000": true, "name~A5000,vram>=80": false, "name=nvidia rtx a5000": true, "name~h100": false,
		"vendor=amd,vram>=160000MB": true, "vendor=intel": false, "count<1": false, "vendor=intel,count=0": true,
		"VRAM>=80gb , vendor=AMD": true,
	} {
		f, err := gpu.ParseFilter(text)
		if err != nil || f.Match(cards()) != want {
			t.Errorf("%q: %t, %v, want %t", text, !want, err, want)
		}
	}
	for _, text := range []string{
		"vram", "vram~24", "vram>=", "vram>=x", "vram>=1e9", "vram>=24XB", "vram>=-1", "vram>=9999999", "count>=-1",
		"count>=+1", "count>=1.5", "name>=h", "name~", "name~\x1b", "price<3", ">=24", "vram>=24,", "vram>=..", "vram>=NaN",
		strings.Repeat("vram>=1,", 30) + "vram>=1", strings.Repeat("count=1,", 20) + "count=1",
	} {
		if f, err := gpu.ParseFilter(text); !errors.Is(err, gpu.ErrRequest) {
			t.Errorf("%q: %v, %v", text, f, err)
		}
	}
	// The figures of the ladder in the network's keys.
	f, _ := gpu.ParseFilter("vram>=24")
	for bytes, want := range map[uint64]bool{24 * 960_000_000: true, 24*960_000_000 - 1: false, 0: false} {
		if f.Match([]gpu.Device{{VRAMBytes: bytes}}) != want {
			t.Errorf("%d bytes: %t", bytes, !want)
		}
	}
	if f.MinVRAM() != 24e9 {
		t.Errorf("MinVRAM %d", f.MinVRAM())
	}
	if f, _ := gpu.ParseFilter("vendor=nvidia"); !f.Match([]gpu.Device{{Name: "NVIDIA L4"}}) {
		t.Error("a vendor in the name alone")
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{"vram>=24", "vram<=1.5TiB,count>=2", "name~h100, vendor=amd", "vram=24"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		one, err := gpu.ParseFilter(s)
		if err != nil {
			return
		}
		again, err := gpu.ParseFilter(one.String())
		if err != nil || !reflect.DeepEqual(one, again) {
			t.Fatalf("%q: %+v is written %q and read %+v, %v", s, one, one, again, err)
		}
		one.Match(cards())
	})
}
