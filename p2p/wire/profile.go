package wire

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Limits of a Profile.
const (
	maxThresholds = 32
	maxDecimal    = 40 // bytes of a number in text
)

// Profile is a signed statement of how results of one model on one hardware
// class are compared: the thresholds and the rate of false alarms measured with
// them. Those who rely on it name it by the CID of its document's bytes.
type Profile struct {
	Model      string            // CID; empty when the comparison knows no model
	Image      string            // OCI manifest digest, sha256:…; empty for any
	Class      string            // hardware class; empty for any
	Comparator string            // such as numeric
	N          uint32            // honest comparisons it was calibrated on, 1 or more
	FPRppm     uint32            // upper bound of honest results called wrong, parts per million
	Thresholds map[string]string // decimal numbers by name, at most 32
}

// Kind returns KindProfile.
func (Profile) Kind() Kind { return KindProfile }

func (m Profile) write(c codec) { m.walk(c) }

func (m *Profile) walk(c codec) {
	c.opt().str("model_cid", &m.Model)
	c.opt().str("image", &m.Image)
	c.opt().str("class", &m.Class)
	c.str("compare", &m.Comparator)
	c.u32("samples", &m.N)
	c.u32("fpr", &m.FPRppm)
	var list [][2]string
	for _, name := range slices.Sorted(maps.Keys(m.Thresholds)) {
		list = append(list, [2]string{name, m.Thresholds[name]})
	}
	c.pairs("thresholds", &list)
	if c.write || len(list) == 0 {
		return
	}
	m.Thresholds = make(map[string]string, len(list))
	for i, p := range list {
		if i > 0 && list[i-1][0] >= p[0] {
			c.fail("thresholds", "are out of order or repeated")
		}
		m.Thresholds[p[0]] = p[1]
	}
}

// Number returns a threshold, or fallback when the profile has none of that name.
func (m Profile) Number(name string, fallback float64) float64 {
	s, ok := m.Thresholds[name]
	if !ok {
		return fallback
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return fallback // Validate lets no such through
	}
	return v
}

// Validate checks every field against its limit.
func (m Profile) Validate() error {
	var c checks
	c.cidOr("model_cid", m.Model)
	if m.Image != "" {
		c.digest("image", m.Image)
	}
	c.tokenOr("class", m.Class)
	c.token("compare", m.Comparator)
	c.that(m.N > 0, "samples", "is zero")
	c.max("samples", uint64(m.N), maxPIDs)
	c.ppm("fpr", m.FPRppm)
	c.count("thresholds", len(m.Thresholds), maxThresholds)
	if len(m.Thresholds) <= maxThresholds {
		for name, v := range m.Thresholds {
			c.token("thresholds", name)
			c.that(isDecimal(v), "thresholds", fmt.Sprintf("have no decimal number under %.40q", name))
		}
	}
	return c.err()
}

// isDecimal takes a finite number in digits, with a point and an exponent or
// without: no hexadecimal, no names.
func isDecimal(s string) bool {
	if s == "" || len(s) > maxDecimal || strings.Trim(s, "0123456789+-.e") != "" {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}
