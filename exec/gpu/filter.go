package gpu

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a Filter's text.
const (
	maxFilter = 256 // bytes
	maxTerms  = 16
)

// Filter says what cards a buyer wants. The zero Filter is content with none.
type Filter struct {
	terms []term
}

// term is one condition, in the one form it is written.
type term struct {
	field, op string
	text      string // lower case, for name and vendor
	bytes     uint64 // for vram
	number    int    // for count
}

// operators that each field knows, longer ones first.
var operators = map[string][]string{
	"vram":   {">=", "<=", ">", "<", "="},
	"count":  {">=", "<=", ">", "<", "="},
	"name":   {"~", "="},
	"vendor": {"="},
}

// ParseFilter reads conditions with commas between them, all of which are to
// hold:
//
//	vram>=24       of one card: GB of 10^9 bytes as cards are sold, or with a
//	               unit, 80GB, 24GiB, 512MB. 4% are forgiven: drivers report a
//	               little less than the label says.
//	name~h100      the name has it in it, in any case; name= is the whole name
//	vendor=nvidia
//	count>=2       so many cards for which the others hold; else one at least
//
// Errors: ErrRequest.
func ParseFilter(s string) (Filter, error) {
	var f Filter
	if strings.TrimSpace(s) == "" {
		return f, nil
	}
	if len(s) > maxFilter {
		return f, bad("%d bytes long, want at most %d", len(s), maxFilter)
	}
	for part := range strings.SplitSeq(s, ",") {
		t, err := parseTerm(strings.TrimSpace(part))
		if err != nil {
			return Filter{}, err
		}
		if f.terms = append(f.terms, t); len(f.terms) > maxTerms {
			return Filter{}, bad("more than %d conditions", maxTerms)
		}
	}
	return f, nil
}

func parseTerm(s string) (term, error) {
	field := strings.ToLower(strings.TrimSpace(s[:min(len(s), strings.IndexAny(s+"=", "<>=~"))]))
	ops, ok := operators[field]
	if !ok {
		return term{}, bad("%.40q, want vram>=24, name~h100, vendor=nvidia or count>=2", s)
	}
	rest := strings.TrimLeft(s[strings.IndexAny(s+"=", "<>=~"):], " ")
	i := slices.IndexFunc(ops, func(op string) bool { return strings.HasPrefix(rest, op) })
	if i < 0 {
		return term{}, bad("%.40q: %s takes %s", s, field, strings.Join(ops, " "))
	}
	t := term{field: field, op: ops[i]}
	val := strings.TrimSpace(rest[len(t.op):])
	var err error
	switch field {
	case "vram":
		t.bytes, err = parseBytes(val)
	case "count":
		t.number, err = strconv.Atoi(val)
		if err == nil && (t.number < 0 || t.number > maxIDs || val[0] == '+' || val[0] == '-') {
			err = strconv.ErrRange
		}
	default:
		t.text = strings.ToLower(val)
		if val == "" || clean(val, maxName) != val || strings.ContainsAny(val, "<>=~") {
			err = strconv.ErrSyntax
		}
	}
	if err != nil {
		return term{}, bad("%.40q is no value for %s", val, field)
	}
	return t, nil
}

// units by name; none is GB.
var units = map[string]float64{
	"": 1e9, "g": 1e9, "gb": 1e9, "gib": 1 << 30, "m": 1e6, "mb": 1e6, "mib": 1 << 20, "t": 1e12, "tb": 1e12, "tib": 1 << 40, "b": 1,
}

func parseBytes(s string) (uint64, error) {
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '.') {
		end++
	}
	n, err := strconv.ParseFloat(s[:end], 64)
	unit, ok := units[strings.ToLower(strings.TrimSpace(s[end:]))]
	if err != nil || !ok || n*unit >= 1<<50 {
		return 0, strconv.ErrSyntax
	}
	return uint64(math.Round(n * unit)), nil
}

// MinVRAM returns the bytes that every wanted card has at least, as asked for
// and not as forgiven; 0 where the filter does not say. It is for narrowing a
// search before Match.
func (f Filter) MinVRAM() uint64 {
	var out uint64
	for _, t := range f.terms {
		if t.field == "vram" && (t.op == ">=" || t.op == ">" || t.op == "=") {
			out = max(out, t.bytes)
		}
	}
	return out
}

// Match tells whether the cards of one machine are what is wanted. Of a Device
// it reads Name, Vendor and VRAMBytes; a condition on what is not known does
// not hold.
func (f Filter) Match(devs []Device) bool {
	if len(f.terms) == 0 {
		return true
	}
	n, counted := 0, false
	for _, d := range devs {
		if !slices.ContainsFunc(f.terms, func(t term) bool { return !t.card(d) }) {
			n++
		}
	}
	for _, t := range f.terms {
		if t.field == "count" {
			counted = true
			if !compare(t.op, n, t.number, t.number) {
				return false
			}
		}
	}
	return counted || n > 0
}

// card tells whether a condition holds for one card.
func (t term) card(d Device) bool {
	switch t.field {
	case "vram":
		// A card sold with so much has from 4% less to a GiB for each GB.
		low, high := t.bytes/100*96, t.bytes/1000*1074
		return d.VRAMBytes > 0 && compare(t.op, d.VRAMBytes, low, high)
	case "vendor":
		// An offer tells no vendor, but the name mostly does.
		return string(d.Vendor) == t.text || d.Vendor == "" && strings.Contains(strings.ToLower(d.Name), t.text)
	case "name":
		name := strings.ToLower(d.Name)
		return name == t.text || t.op == "~" && strings.Contains(name, t.text)
	}
	return true
}

// compare compares v with a value that anything from low to high is equal to.
func compare[N int | uint64](op string, v, low, high N) bool {
	switch op {
	case ">=":
		return v >= low
	case "<=":
		return v <= high
	case ">":
		return v > high
	case "<":
		return v < low
	}
	return v >= low && v <= high
}

// String writes f so that ParseFilter reads it back the same.
func (f Filter) String() string {
	parts := make([]string, len(f.terms))
	for i, t := range f.terms {
		val := t.text
		switch t.field {
		case "vram":
			if val = fmt.Sprintf("%dB", t.bytes); t.bytes%1_000_000_000 == 0 {
				val = strconv.FormatUint(t.bytes/1_000_000_000, 10)
			}
		case "count":
			val = strconv.Itoa(t.number)
		}
		parts[i] = t.field + t.op + val
	}
	return strings.Join(parts, ",")
}
