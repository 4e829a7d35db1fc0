package gpu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	nvProc = "/proc/driver/nvidia"
	// nvNodesFix makes the device nodes, which NVIDIA's driver leaves to its
	// programs.
	nvNodesFix = "run as root: nvidia-modprobe -u -c=0"
)

// nvShared are the device nodes that every CUDA program opens. Those for
// profiling, mode setting and fabric management are left out: no tenant needs
// them.
var nvShared = [...]string{"/dev/nvidiactl", "/dev/nvidia-uvm"}

var (
	nvUUID    = regexp.MustCompile(`^GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	nvVersion = regexp.MustCompile(`\b[0-9]{2,4}\.[0-9]{1,4}(\.[0-9]{1,4})?\b`)
)

// nvCard is what the three sources say of one card.
type nvCard struct {
	Device
	minor    int // of /dev/nvidiaN; -1 unknown
	mig      bool
	excluded bool
	fault    string // what nvidia-smi says of the card
}

// nvidia adds NVIDIA's cards: those the kernel driver lists in /proc, those
// nvidia-smi lists, and notes those on the bus that the driver does not have.
func (h Host) nvidia(ctx context.Context, pci []pciCard, s *scan) {
	version := nvVersion.FindString(cmp.Or(h.attr(nvProc+"/version"), h.attr("/sys/module/nvidia/version")))
	cards := map[string]*nvCard{}
	h.nvidiaProc(cards)
	h.nvidiaSMI(ctx, cards, s)
	on := map[string]pciCard{}
	for _, c := range pci {
		if c.vendor != pciNVIDIA {
			continue
		}
		on[c.addr] = c
		if cards[c.addr] == nil {
			s.note(h.unbound(NVIDIA, c, "nvidia", "install NVIDIA's driver"))
		}
	}
	order := make([]*nvCard, 0, len(cards))
	for _, c := range cards {
		c.Driver = cmp.Or(c.Driver, version)
		if p, ok := on[c.PCI]; ok {
			c.Name = cmp.Or(c.Name, h.title(p))
			c.Display = c.Display || h.screen(p)
		}
		order = append(order, c)
	}
	slices.SortFunc(order, func(a, b *nvCard) int {
		return cmp.Or(cmp.Compare(len(a.PCI), len(b.PCI)), cmp.Compare(a.PCI, b.PCI))
	})
	for _, c := range order[:min(len(order), maxCards)] {
		h.nvidiaCard(c, order, s)
	}
	if len(order) > 0 && h.os() == "linux" {
		for _, n := range nvShared {
			if fault := h.nodeFault(n); fault != "" {
				s.note(Odd{Vendor: NVIDIA, Reason: fault, Fix: nvNodesFix, Used: true})
			}
		}
	}
}

// nvidiaProc reads /proc/driver/nvidia/gpus.
func (h Host) nvidiaProc(cards map[string]*nvCard) {
	for _, name := range h.names(nvProc + "/gpus") {
		addr := pciName(name)
		if addr == "" || len(cards) >= maxCards {
			continue
		}
		raw, err := h.read(path.Join(nvProc, "gpus", name, "information"), maxAttr)
		if err != nil {
			continue
		}
		c := &nvCard{Device: Device{Vendor: NVIDIA, PCI: addr, Utilisation: -1, TemperatureC: -1}, minor: -1}
		for line := range strings.Lines(string(raw)) {
			key, val, _ := strings.Cut(line, ":")
			val = strings.TrimSpace(val)
			switch strings.TrimSpace(key) {
			case "Model":
				c.Name = clean(val, maxName)
			case "GPU UUID":
				if nvUUID.MatchString(val) { // question marks until the card is first used
					c.ID = val
				}
			case "Device Minor":
				if n, err := strconv.ParseUint(val, 10, 10); err == nil {
					c.minor = int(n)
				}
			case "GPU Excluded":
				c.excluded = val == "Yes"
			}
		}
		for _, gi := range h.names(fmt.Sprintf("%s/capabilities/gpu%d/mig", nvProc, c.minor)) {
			c.mig = c.mig || numbered(gi, "gi")
		}
		cards[addr] = c
	}
}

// nvidiaSMI asks nvidia-smi, and merges what it says.
func (h Host) nvidiaSMI(ctx context.Context, cards map[string]*nvCard, s *scan) {
	rows, err := h.querySMI(ctx)
	if err != nil && (len(cards) > 0 || !errors.Is(err, ErrNoCommand)) {
		s.note(Odd{
			Vendor: NVIDIA, Used: len(cards) > 0, Fix: smiFix(err),
			Reason: "memory and load are not known: " + err.Error(),
		})
	}
	for _, r := range rows {
		c := cards[r.pci]
		switch {
		case c == nil && len(cards) < maxCards:
			c = &nvCard{Device: Device{Vendor: NVIDIA, PCI: r.pci}, minor: -1}
			cards[r.pci] = c
		case c == nil:
			continue
		}
		if c.ID != "" && r.uuid != "" && c.ID != r.uuid {
			c.fault = "the driver and nvidia-smi give it different identifiers"
		}
		c.ID, c.Name, c.Driver = cmp.Or(r.uuid, c.ID), cmp.Or(r.name, c.Name), r.driver
		c.VRAMBytes, c.UsedBytes, c.Utilisation, c.TemperatureC = r.total, r.used, r.load, r.temp
		c.Compute, c.Display, c.mig = r.compute, r.display, c.mig || r.mig
		c.fault = cmp.Or(c.fault, r.fault)
	}
}

func smiFix(err error) string {
	text := err.Error()
	switch {
	case errors.Is(err, ErrNoCommand):
		return "install nvidia-smi (package nvidia-utils or nvidia-smi) of the driver's version"
	case strings.Contains(text, "mismatch"):
		return "the driver was updated: restart the machine"
	case strings.Contains(text, "communicate with the NVIDIA driver"):
		return "load the driver: modprobe nvidia"
	}
	return "run nvidia-smi by hand and see what it says"
}

// nvidiaCard adds one card, or leaves it out.
func (h Host) nvidiaCard(c *nvCard, all []*nvCard, s *scan) {
	if c.minor < 0 && h.os() == "linux" {
		c.minor = h.onlyMinor(all)
	}
	c.ID = cmp.Or(c.ID, c.PCI)
	switch {
	case c.excluded:
		s.note(Odd{Vendor: NVIDIA, PCI: c.PCI, Name: c.Name, Reason: "the driver is told to leave it alone"})
		return
	case c.fault != "":
		s.leaveOut(c.Device, c.fault, "run nvidia-smi; a card that was lost needs a restart of the machine")
		return
	case c.mig:
		s.leaveOut(c.Device, "MIG is on: only whole cards are lent", "switch it off: nvidia-smi -i "+c.PCI+" -mig 0")
		return
	case h.os() != "linux":
		s.add(c.Device)
		return
	case c.minor < 0:
		s.leaveOut(c.Device, "which device node is its own is not known", "show /proc/driver/nvidia to this process")
		return
	}
	c.Nodes = []string{fmt.Sprintf("/dev/nvidia%d", c.minor)}
	h.addNoded(c.Device, nvNodesFix, s)
}

// onlyMinor finds the node where /proc is hidden, as in some containers: one
// card and one node belong together. With more of either nothing is guessed.
func (h Host) onlyMinor(all []*nvCard) int {
	minor := -1
	for _, n := range h.names("/dev") {
		if !numbered(n, "nvidia") {
			continue
		}
		if minor >= 0 || len(all) != 1 {
			return -1
		}
		minor, _ = strconv.Atoi(n[len("nvidia"):])
	}
	return minor
}
