package gpu

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Select returns the cards of devs that r asks for, in the order of their
// index, or of r.IDs. Errors: ErrNoGPU, ErrRequest where a name fits several.
func (r Request) Select(devs []Device) ([]Device, error) {
	if r.None() {
		return nil, nil
	}
	if len(r.IDs) > 0 {
		return r.named(devs)
	}
	choices := r.choices(devs)
	if r.Count == All {
		all := slices.Concat(choices...)
		if len(all) == 0 {
			return nil, fmt.Errorf("%w: %s asked, %s", ErrNoGPU, r, have(choices))
		}
		return all, nil
	}
	for _, group := range choices {
		if len(group) >= r.Count {
			return group[:r.Count:r.Count], nil
		}
	}
	return nil, fmt.Errorf("%w: %s asked, %s", ErrNoGPU, r, have(choices))
}

// choices groups the cards that may serve r by vendor, each in index order: no
// program drives two vendors' cards at once.
func (r Request) choices(devs []Device) [][]Device {
	var out [][]Device
	for _, v := range vendors {
		if r.Vendor != "" && r.Vendor != v {
			continue
		}
		var group []Device
		for _, d := range devs {
			if d.Vendor == v {
				group = append(group, d)
			}
		}
		slices.SortStableFunc(group, func(a, b Device) int { return a.Index - b.Index })
		if len(group) > 0 {
			out = append(out, group)
		}
	}
	return out
}

func have(choices [][]Device) string {
	if len(choices) == 0 {
		return "none here"
	}
	var parts []string
	for _, g := range choices {
		parts = append(parts, fmt.Sprintf("%d of %s", len(g), g[0].Vendor))
	}
	return strings.Join(parts, " and ") + " here"
}

func (r Request) named(devs []Device) ([]Device, error) {
	var out []Device
	for _, id := range r.IDs {
		d, err := find(devs, id)
		if err != nil {
			return nil, err
		}
		if r.Vendor != "" && d.Vendor != r.Vendor {
			return nil, fmt.Errorf("%w: %s is of %s, not of %s", ErrNoGPU, id, d.Vendor, r.Vendor)
		}
		if slices.ContainsFunc(out, func(o Device) bool { return o.ID == d.ID }) {
			return nil, bad("%.80q names a device that is named already", id)
		}
		out = append(out, d)
	}
	return out, nil
}

// find returns the one card that id names: by index, by ID or PCI address in
// any case, or by a UUID's beginning that fits no other.
func find(devs []Device, id string) (Device, error) {
	var hits []Device
	for _, d := range devs {
		exact := strings.EqualFold(id, d.ID) || d.PCI != "" && strings.EqualFold(id, d.PCI)
		if exact || id == strconv.Itoa(d.Index) {
			return d, nil
		}
		if len(id) >= minIDPrefix && len(id) < len(d.ID) && d.ID != d.PCI && strings.EqualFold(id, d.ID[:len(id)]) {
			hits = append(hits, d)
		}
	}
	switch len(hits) {
	case 1:
		return hits[0], nil
	case 0:
		return Device{}, fmt.Errorf("%w: %.80q", ErrNoGPU, id)
	}
	return Device{}, bad("%.80q fits %d devices: write more of it", id, len(hits))
}
