package gpu

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
)

const kfdNodes = "/sys/class/kfd/kfd/topology/nodes"

var amdSerial = regexp.MustCompile(`^[0-9a-f]{8,16}$`)

// kfdNode is a GPU as the compute side of amdgpu lists it.
type kfdNode struct {
	gfx string // "gfx942"
	id  string // gpu_id, which names it below /sys/class/kfd/kfd/proc
}

// amd adds AMD's cards.
func (h Host) amd(pci []pciCard, s *scan) {
	var kfd map[string]kfdNode
	for _, c := range pci {
		switch {
		case c.vendor != pciAMD:
			continue
		case c.driver != "amdgpu" || c.render == "":
			s.note(h.unbound(AMD, c, "amdgpu", "load the driver: modprobe amdgpu"))
			continue
		}
		if kfd == nil {
			kfd = h.kfd()
			if fault := h.nodeFault("/dev/kfd"); fault != "" {
				s.note(Odd{
					Vendor: AMD, Used: true, Reason: fault + ": programs of ROCm cannot run",
					Fix: "run as root, or as a user of the groups render and video",
				})
			}
		}
		h.amdCard(c, kfd[c.render], s)
	}
}

func (h Host) amdCard(c pciCard, k kfdNode, s *scan) {
	d := Device{
		ID: c.addr, Vendor: AMD, PCI: c.addr, Compute: k.gfx, Driver: h.moduleVersion("amdgpu"),
		Name:        cmp.Or(clean(h.attr(c.dir()+"/product_name"), maxName), h.title(c)),
		Utilisation: -1, TemperatureC: h.sensor(c), Display: h.screen(c),
		Nodes: []string{"/dev/dri/" + c.render},
	}
	if serial := h.attr(c.dir() + "/unique_id"); amdSerial.MatchString(serial) && strings.Trim(serial, "0") != "" {
		d.ID = "GPU-" + serial // the form that ROCm's own tools use
	}
	d.VRAMBytes, _ = h.number(c.dir() + "/mem_info_vram_total")
	d.UsedBytes, _ = h.number(c.dir() + "/mem_info_vram_used")
	if load, ok := h.number(c.dir() + "/gpu_busy_percent"); ok && load <= 100 {
		d.Utilisation = int(load)
	}
	if mode := h.attr(c.dir() + "/current_compute_partition"); mode != "" && mode != "SPX" {
		s.leaveOut(d, "it is split in partitions ("+clean(mode, 8)+"): only whole cards are lent",
			"echo SPX > "+c.dir()+"/current_compute_partition")
		return
	}
	h.addNoded(d, "see whether udev runs, and what the kernel says: dmesg", s)
}

// kfd returns the nodes of the topology that are GPUs, by render node.
func (h Host) kfd() map[string]kfdNode {
	out := map[string]kfdNode{}
	for _, n := range h.names(kfdNodes) {
		if !numbered(n, "") || len(out) >= maxCards {
			continue
		}
		raw, err := h.read(path.Join(kfdNodes, n, "properties"), maxAttr)
		if err != nil {
			continue
		}
		props := map[string]uint64{}
		for line := range strings.Lines(string(raw)) {
			key, val, _ := strings.Cut(strings.TrimSpace(line), " ")
			if v, err := strconv.ParseUint(val, 10, 64); err == nil {
				props[key] = v
			}
		}
		if props["simd_count"] == 0 || props["drm_render_minor"] == 0 {
			continue // a processor
		}
		id := h.attr(path.Join(kfdNodes, n, "gpu_id"))
		if !numbered(id, "") {
			id = ""
		}
		out[fmt.Sprintf("renderD%d", props["drm_render_minor"])] = kfdNode{gfx: gfx(props["gfx_target_version"]), id: id}
	}
	return out
}

// gfx writes a version as compilers name it: 90402 is gfx942, 90010 gfx90a.
func gfx(v uint64) string {
	major, minor, step := v/10000, v/100%100, v%100
	if major == 0 || major > 99 || minor > 15 || step > 15 {
		return ""
	}
	return fmt.Sprintf("gfx%d%x%x", major, minor, step)
}

// moduleVersion names a driver with its own version, or the kernel's that it
// came with.
func (h Host) moduleVersion(module string) string {
	v := cmp.Or(h.attr("/sys/module/"+module+"/version"), h.attr("/proc/sys/kernel/osrelease"))
	return strings.TrimSpace(clean(module+" "+v, maxName))
}
