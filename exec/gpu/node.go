package gpu

import (
	"errors"
	"fmt"
	"io/fs"

	"infernet.tech/infernet/exec"
)

// node returns the numbers of a device node of the machine.
func (h Host) node(name string) (exec.DeviceNode, error) {
	numbers := h.Node
	if numbers == nil {
		numbers = func(p string) (int64, int64, error) { return nodeNumbers(h.host(p)) }
	}
	major, minor, err := numbers(name)
	if err != nil {
		return exec.DeviceNode{}, err
	}
	return exec.DeviceNode{Path: name, Major: major, Minor: minor, Mode: 0o666}, nil
}

// nodeFault says what is wrong with a device node; "" if it can be used.
func (h Host) nodeFault(name string) string {
	if _, err := h.node(name); errors.Is(err, fs.ErrNotExist) {
		return "no device node " + name
	} else if err != nil {
		return fmt.Sprintf("device node %s: %v", name, err)
	}
	if h.Root != "" {
		return ""
	}
	if err := nodeAllowed(name); err != nil {
		return fmt.Sprintf("%s cannot be opened: %v", name, err)
	}
	return ""
}

// addNoded adds a card if its own device nodes are there. One that is there
// and may not be opened leaves the card listed: another user may run it.
func (h Host) addNoded(d Device, fix string, s *scan) {
	for _, n := range d.Nodes {
		fault := h.nodeFault(n)
		if fault == "" {
			continue
		}
		if _, err := h.node(n); err != nil {
			s.leaveOut(d, fault, fix)
			return
		}
		s.note(Odd{
			Vendor: d.Vendor, PCI: d.PCI, Name: d.Name, Used: true,
			Reason: fault, Fix: "run as root, or as a user of the groups render and video",
		})
	}
	s.add(d)
}

// unbound says why a card on the bus is not the driver's.
func (h Host) unbound(v Vendor, c pciCard, want, fix string) Odd {
	o := Odd{Vendor: v, PCI: c.addr, Name: h.title(c), Fix: fix}
	switch c.driver {
	case "":
		o.Reason = "no driver has it"
	case "vfio-pci":
		o.Reason, o.Fix = "it is set aside for a virtual machine (vfio-pci)", "bind it to "+want+" to lend it"
	case want:
		o.Reason, o.Fix = "its driver could not start it", "see what the kernel says: dmesg"
	default:
		o.Reason = "the driver " + c.driver + " has it, which runs no such programs"
	}
	return o
}
