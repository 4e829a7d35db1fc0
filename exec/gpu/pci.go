package gpu

import (
	"bytes"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// PCI vendor numbers.
const (
	pciNVIDIA = 0x10de
	pciAMD    = 0x1002
	pciIntel  = 0x8086
)

const pciDir = "/sys/bus/pci/devices"

// maxPCINames bounds the list of PCI names; the real one has 1.5 MB.
const maxPCINames = 8 << 20

// pciCard is a display controller or processing accelerator on the bus.
type pciCard struct {
	addr           string
	vendor, device uint64
	driver         string // "" when none is bound
	render         string // "renderD128"; "" without one
	card           string // "card0"
}

func (c pciCard) dir() string { return path.Join(pciDir, c.addr) }

// pciCards returns the GPUs on the bus by address: classes 0x03 (display; 3D
// controllers are among them) and 0x12 (processing accelerators) of the known
// vendors. Audio functions of the same card have another class.
func (h Host) pciCards() []pciCard {
	var out []pciCard
	for _, name := range h.names(pciDir) {
		addr := pciName(name)
		if addr == "" || addr != name || len(out) >= 3*maxCards {
			continue
		}
		dir := path.Join(pciDir, addr)
		class, _ := h.number(dir + "/class")
		vendor, _ := h.number(dir + "/vendor")
		if kind := class >> 16; kind != 0x03 && kind != 0x12 {
			continue
		}
		if vendor != pciNVIDIA && vendor != pciAMD && vendor != pciIntel {
			continue
		}
		c := pciCard{addr: addr, vendor: vendor, driver: h.base(dir + "/driver")}
		c.device, _ = h.number(dir + "/device")
		for _, n := range h.names(dir + "/drm") {
			switch {
			case c.render == "" && numbered(n, "renderD"):
				c.render = n
			case c.card == "" && numbered(n, "card"):
				c.card = n
			}
		}
		out = append(out, c)
	}
	return out
}

// numbered tells whether name is prefix and a number, so that it can be used
// as a path element.
func numbered(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok || rest == "" || len(rest) > 10 {
		return false
	}
	_, err := strconv.ParseUint(rest, 10, 32)
	return err == nil
}

// title returns a card's name from the system's list of PCI names, or its
// numbers.
func (h Host) title(c pciCard) string {
	for _, list := range []string{"/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/var/lib/pciutils/pci.ids"} {
		raw, err := h.read(list, maxPCINames)
		if err != nil {
			continue
		}
		if name := lookupPCI(raw, c.vendor, c.device); name != "" {
			return name
		}
	}
	return fmt.Sprintf("PCI %04x:%04x", c.vendor, c.device)
}

// lookupPCI finds a device in pci.ids: a vendor's line, then its devices, each
// after one tab.
func lookupPCI(list []byte, vendor, device uint64) string {
	inside := false
	want := fmt.Sprintf("%04x", vendor)
	for line := range bytes.Lines(list) {
		switch {
		case len(line) < 6 || line[0] == '#':
		case line[0] != '\t':
			inside = string(line[:4]) == want && line[4] == ' '
		case inside && line[1] != '\t' && string(line[1:5]) == fmt.Sprintf("%04x", device):
			return clean(string(line[5:]), maxName)
		}
	}
	return ""
}

// bar returns the size of a memory window of the card; 0 if there is none.
func (h Host) bar(c pciCard, number int) uint64 {
	raw, err := h.read(c.dir()+"/resource", maxAttr)
	if err != nil {
		return 0
	}
	lines := strings.Split(string(raw), "\n")
	if number >= len(lines) {
		return 0
	}
	var start, end, flags uint64
	if n, _ := fmt.Sscanf(lines[number], "0x%x 0x%x 0x%x", &start, &end, &flags); n != 3 || start == 0 || end <= start {
		return 0
	}
	return end - start + 1
}

// sensor returns the first temperature that the card's driver tells, in
// degrees; -1 without one.
func (h Host) sensor(c pciCard) int {
	for _, mon := range h.names(c.dir() + "/hwmon") {
		if !numbered(mon, "hwmon") {
			continue
		}
		for _, t := range []string{"temp1_input", "temp2_input", "temp3_input"} {
			if milli, ok := h.number(c.dir() + "/hwmon/" + mon + "/" + t); ok && milli < 1_000_000 {
				return int(milli / 1000)
			}
		}
	}
	return -1
}

// screen tells whether a monitor hangs on the card.
func (h Host) screen(c pciCard) bool {
	if c.card == "" {
		return false
	}
	for _, n := range h.names(c.dir() + "/drm/" + c.card) {
		if strings.HasPrefix(n, c.card+"-") && h.attr(c.dir()+"/drm/"+c.card+"/"+n+"/status") == "connected" {
			return true
		}
	}
	return false
}
