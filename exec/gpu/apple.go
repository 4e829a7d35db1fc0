package gpu

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// apple adds the GPU of a Mac's own chip. Cards of other makers in old Macs
// run none of the engines and are left out.
func (h Host) apple(ctx context.Context, s *scan) {
	raw, err := h.run(ctx, "system_profiler", "SPDisplaysDataType", "-json")
	if err != nil {
		s.note(Odd{Vendor: Apple, Reason: "system_profiler: " + err.Error()})
		return
	}
	var list struct {
		Cards []struct {
			Name   string `json:"_name"`
			Model  string `json:"sppci_model"`
			Vendor string `json:"spdisplays_vendor"`
			Metal  string `json:"spdisplays_mtlgpufamilysupport"`
			Screen []any  `json:"spdisplays_ndrvs"`
		} `json:"SPDisplaysDataType"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		s.note(Odd{Vendor: Apple, Reason: "system_profiler: " + err.Error()})
		return
	}
	for i, c := range list.Cards[:min(len(list.Cards), maxCards)] {
		name := c.Model
		if name == "" {
			name = c.Name
		}
		d := Device{
			ID: fmt.Sprintf("apple-%d", i), Vendor: Apple, Name: clean(name, maxName), Driver: "metal",
			Compute:     clean(strings.TrimPrefix(c.Metal, "spdisplays_"), 16),
			Utilisation: -1, TemperatureC: -1, Display: len(c.Screen) > 0,
		}
		if c.Vendor != "sppci_vendor_Apple" {
			s.note(Odd{Vendor: Apple, Name: d.Name, Reason: "it is not of Apple's own making"})
			continue
		}
		d.VRAMBytes = h.appleMemory(ctx)
		s.add(d)
	}
}

// appleMemory returns what the GPU may use of the machine's memory: the limit
// the owner has set, else the system's own: two thirds up to 36 GiB, three
// quarters above.
func (h Host) appleMemory(ctx context.Context) uint64 {
	total := h.sysctl(ctx, "hw.memsize")
	if mib := h.sysctl(ctx, "iogpu.wired_limit_mb"); mib > 0 && mib <= total>>20 {
		return mib << 20
	}
	if total <= 36<<30 {
		return total / 3 * 2
	}
	return total / 4 * 3
}

func (h Host) sysctl(ctx context.Context, name string) uint64 {
	raw, err := h.run(ctx, "sysctl", "-n", name)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(raw)), 10, 50)
	if err != nil {
		return 0
	}
	return n
}
