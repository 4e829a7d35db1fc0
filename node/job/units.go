package job

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

func (d *decoder) number(to *uint64) field {
	return func(key string, n *yaml.Node) {
		v, err := strconv.ParseUint(n.Value, 10, 64)
		if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil {
			d.bad(n, key, fmt.Sprintf("%.40q is no whole number", n.Value), "digits only, no unit and no quotes")
			return
		}
		*to = v
	}
}

func (d *decoder) small(to *uint32) field {
	return func(key string, n *yaml.Node) {
		before := len(d.problems)
		var v uint64
		d.number(&v)(key, n)
		if len(d.problems) > before {
			return
		}
		if v > math.MaxInt32 {
			d.bad(n, key, n.Value+" is too much", "")
			return
		}
		*to = uint32(v)
	}
}

// positive is for numbers whose zero would be taken for "not written".
func (d *decoder) positive(to *uint32) field {
	read := d.small(to)
	return func(key string, n *yaml.Node) {
		before := len(d.problems)
		if read(key, n); len(d.problems) == before && *to == 0 {
			d.bad(n, key, "0 is not possible", "leave the key out for its default")
		}
	}
}

// share reads a part of one, as 5% or 0.05, into parts per million.
func (d *decoder) share(to *uint32) field {
	return func(key string, n *yaml.Node) {
		ppm, ok := parseShare(n.Value)
		if n.Kind != yaml.ScalarNode || !ok || ppm == 0 {
			d.bad(n, key, fmt.Sprintf("%.40q is no rate", n.Value), "write 5% or 0.05: more than 0 and at most 100%, four decimals of a percent")
			return
		}
		*to = ppm
	}
}

// parseShare reads digits and at most one point, exactly: what does not come out
// as whole parts per million, or is more than one, is refused.
func parseShare(s string) (ppm uint32, ok bool) {
	decimals := 6
	if t, percent := strings.CutSuffix(s, "%"); percent {
		s, decimals = t, 4
	}
	whole, part, point := strings.Cut(s, ".")
	if whole == "" || len(whole) > 3 || len(part) > decimals || (point && part == "") {
		return 0, false
	}
	v, err := strconv.ParseUint(whole+part+strings.Repeat("0", decimals-len(part)), 10, 32)
	if err != nil || v > 1_000_000 || strings.ContainsAny(whole+part, "+-_") {
		return 0, false
	}
	return uint32(v), true
}

// cpu reads processors: 1, 0.5 or 500m.
func (d *decoder) cpu(to *uint64) field {
	return func(key string, n *yaml.Node) {
		v, ok := parseCPU(n.Value)
		if n.Kind != yaml.ScalarNode || !ok || v == 0 {
			d.bad(n, key, fmt.Sprintf("%.40q is no number of processors", n.Value), "write 2, 0.5 or 500m")
			return
		}
		*to = v
	}
}

func parseCPU(s string) (uint64, bool) {
	if m, ok := strings.CutSuffix(s, "m"); ok {
		v, err := strconv.ParseUint(m, 10, 32)
		return v, err == nil
	}
	whole, part, point := strings.Cut(s, ".")
	if point && (part == "" || len(part) > 3) {
		return 0, false
	}
	w, err := strconv.ParseUint(whole, 10, 32)
	if err != nil {
		return 0, false
	}
	p, err := strconv.ParseUint(part+strings.Repeat("0", 3-len(part)), 10, 32)
	return w*1000 + p, err == nil
}

// units of storage. A bare number is refused: whether it means bytes or
// megabytes is what people get wrong.
var byteUnits = []struct {
	suffix string
	factor uint64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

func (d *decoder) bytes(to *uint64) field {
	return func(key string, n *yaml.Node) {
		v, ok := ParseBytes(n.Value)
		if n.Kind != yaml.ScalarNode || !ok || v == 0 {
			d.bad(n, key, fmt.Sprintf("%.40q is no size", n.Value), "write it with its unit: 512MiB, 2GiB, 500MB")
			return
		}
		*to = v
	}
}

// ParseBytes reads a size with its unit, as 512MiB or 500MB; false when it is none.
func ParseBytes(s string) (uint64, bool) {
	for _, u := range byteUnits {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || v > math.MaxInt64/u.factor {
			return 0, false
		}
		return v * u.factor, true
	}
	return 0, false
}
