package gpu

import (
	"fmt"
	"strings"
)

// intel adds Intel's cards of the drivers i915 and xe. Graphics inside the
// processor are not lent: they have no memory of their own to hold a model, and
// share the machine's.
func (h Host) intel(pci []pciCard, s *scan) {
	for _, c := range pci {
		switch {
		case c.vendor != pciIntel:
			continue
		case strings.HasSuffix(c.addr, ":00:02.0"):
			s.note(Odd{
				Vendor: Intel, PCI: c.addr, Name: h.title(c),
				Reason: "it is part of the processor and has no memory of its own",
			})
			continue
		case c.driver != "i915" && c.driver != "xe" || c.render == "":
			s.note(h.unbound(Intel, c, "xe", "load the driver: modprobe xe"))
			continue
		}
		d := Device{
			ID: c.addr, Vendor: Intel, PCI: c.addr, Name: h.title(c), Driver: h.moduleVersion(c.driver),
			Utilisation: -1, TemperatureC: h.sensor(c), Display: h.screen(c),
			Nodes: []string{"/dev/dri/" + c.render},
		}
		d.VRAMBytes, d.UsedBytes = h.intelMemory(c)
		h.addNoded(d, "see whether udev runs, and what the kernel says: dmesg", s)
	}
}

// intelMemory returns the local memory. Kernels differ in where they tell it:
// i915 has lmem_total_bytes in some, xe a size for each tile in some. Else the
// memory window of the card (BAR 2) tells it where it can be resized, which
// cards of Arc need to be any good; a small window tells nothing.
func (h Host) intelMemory(c pciCard) (total, used uint64) {
	card := c.dir() + "/drm/" + c.card
	if total, ok := h.number(card + "/lmem_total_bytes"); ok && c.card != "" {
		if avail, ok := h.number(card + "/lmem_avail_bytes"); ok && avail <= total {
			used = total - avail
		}
		return total, used
	}
	for tile := range 8 {
		n, ok := h.number(fmt.Sprintf("%s/tile%d/physical_vram_size_bytes", c.dir(), tile))
		if !ok || n > 1<<50 {
			break
		}
		total += n
	}
	if total > 0 {
		return total, 0
	}
	if window := h.bar(c, 2); window >= 1<<30 {
		return window, 0
	}
	return 0, 0
}
