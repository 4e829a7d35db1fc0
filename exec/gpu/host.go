package gpu

import (
	"cmp"
	"context"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// Host is a machine to look at. The zero Host is this one.
type Host struct {
	// Root is the folder that holds its /proc, /sys, /dev and libraries; "" is
	// "/". With a Root and no Command nothing is run.
	Root string
	// Command runs a tool of the driver and returns what it printed, also where
	// it failed after printing. nil runs it from the places where drivers put
	// it, then from PATH, with an empty environment, for at most 15 seconds and
	// 1 MiB. Errors: ErrNoCommand where there is none.
	Command func(ctx context.Context, name string, args ...string) ([]byte, error)
	// Node returns the numbers of a device node, given its path below Root. nil
	// asks the file itself. It is for trees of plain files.
	Node func(path string) (major, minor int64, err error)
	// OS is the kind of system, as runtime.GOOS; "" is the running one.
	OS string
}

// maxCards is how many cards of one vendor are looked at.
const maxCards = 128

// Detect returns the usable cards. No card is no error. The error is that of
// ctx only: what is wrong with a card is told by Scan.
func (h Host) Detect(ctx context.Context) ([]Device, error) {
	r, err := h.Scan(ctx)
	return r.Devices, err
}

// Scan returns the usable cards, and those that are not, with what is amiss.
func (h Host) Scan(ctx context.Context) (Report, error) {
	var s scan
	if h.os() == "darwin" {
		h.apple(ctx, &s)
	} else {
		pci := h.pciCards()
		h.nvidia(ctx, pci, &s)
		h.amd(pci, &s)
		h.intel(pci, &s)
	}
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	return s.report(), nil
}

func (h Host) os() string { return cmp.Or(h.OS, runtime.GOOS) }

// scan gathers cards while they are found.
type scan struct {
	found []found
	odd   []Odd
}

// found is one card in the order of its vendor. A card that is out keeps its
// number.
type found struct {
	Device
	out bool
}

func (s *scan) add(d Device) { s.found = append(s.found, found{Device: d}) }

// leaveOut notes a card that is not to be used, and why.
func (s *scan) leaveOut(d Device, reason, fix string) {
	s.found = append(s.found, found{Device: d, out: true})
	s.note(Odd{Vendor: d.Vendor, PCI: d.PCI, Name: d.Name, Reason: reason, Fix: fix})
}

func (s *scan) note(o Odd) {
	o.Reason = clean(o.Reason, maxReason)
	s.odd = append(s.odd, o)
}

// report numbers the cards, and leaves out those that are another once more:
// two names for one card would be two tenants on it.
func (s *scan) report() Report {
	r := Report{Odd: s.odd}
	for i, f := range s.found {
		if f.out {
			continue
		}
		f.Index = i
		twin := slices.IndexFunc(r.Devices, func(d Device) bool { return sameCard(d, f.Device) })
		if twin >= 0 {
			r.Odd = append(r.Odd, Odd{
				Vendor: f.Vendor, PCI: f.PCI, Name: f.Name,
				Reason: "it has the identifier or the device node of " + r.Devices[twin].ID,
			})
			continue
		}
		r.Devices = append(r.Devices, f.Device)
	}
	return r
}

var pciAddress = regexp.MustCompile(`^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$`)

// pciName returns an address in the form sysfs has: "0000:03:00.0"; "" if it
// is none. nvidia-smi writes 8 digits of domain in capitals.
func pciName(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if !pciAddress.MatchString(s) {
		return ""
	}
	for strings.IndexByte(s, ':') > 4 && s[0] == '0' {
		s = s[1:]
	}
	return s
}

// sortNatural sorts names so that card10 comes after card2.
func sortNatural(names []string) {
	slices.SortFunc(names, func(a, b string) int {
		x, y := strings.TrimRight(a, "0123456789"), strings.TrimRight(b, "0123456789")
		if x != y {
			return cmp.Compare(a, b)
		}
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
}
