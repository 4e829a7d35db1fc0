package gpu

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// All as a Request's Count asks for every card.
const All = -1

// Bounds of a Request's text.
const (
	maxRequest  = 1024 // bytes
	maxIDs      = 64   // cards named, and cards counted
	minIDPrefix = 8    // of a UUID, for it to be enough
)

// Request says which cards a task wants. The zero Request wants none.
type Request struct {
	// Count is how many, All for every one; 0 where IDs say which. Several
	// cards are always of one vendor, All excepted.
	Count int
	// IDs are indices, UUIDs (or their beginning) and PCI addresses.
	IDs []string
	// Vendor limits the choice; "" is any.
	Vendor Vendor
	// Capabilities of the driver that are asked for. "gpu", "compute" and
	// "utility" are what every sandbox gets; others are refused.
	Capabilities []string
}

// None tells whether r asks for no card.
func (r Request) None() bool { return r.Count == 0 && len(r.IDs) == 0 }

// ParseRequest reads what docker's users write after --gpus: all, 2, -1,
// device=0, device=GPU-uuid, "device=0,2" with the inner quotes that docker
// wants or without, count=2, driver=nvidia,capabilities=compute. Empty text,
// none and 0 are the zero Request. Errors: ErrRequest, with what to write.
func ParseRequest(s string) (Request, error) {
	s = strings.TrimSpace(s)
	if s == "" || s == "none" || s == "0" {
		return Request{}, nil
	}
	if len(s) > maxRequest {
		return Request{}, bad("%d bytes long, want at most %d", len(s), maxRequest)
	}
	fields, err := splitFields(s)
	if err != nil {
		return Request{}, err
	}
	p := requestParser{seen: map[string]bool{}}
	for _, f := range fields {
		if err := p.field(f); err != nil {
			return Request{}, err
		}
	}
	return p.finish()
}

// splitFields splits at commas as docker does, with one level of quotes; and
// strips quotes that the shell left round the whole.
func splitFields(s string) ([]string, error) {
	if len(s) > 1 && s[0] == '\'' && s[len(s)-1] == '\'' {
		s = s[1 : len(s)-1]
	}
	r := csv.NewReader(strings.NewReader(s))
	fields, err := r.Read()
	if err != nil {
		return nil, bad("%.80q: quotes do not match", s)
	}
	if rest, _ := r.Read(); rest != nil {
		return nil, bad("more than one line")
	}
	return fields, nil
}

type requestParser struct {
	r    Request
	seen map[string]bool
	last string // the key before, for the values that follow its commas
}

func (p *requestParser) field(f string) error {
	key, val, keyed := strings.Cut(strings.TrimSpace(f), "=")
	if !keyed {
		// docker reads device=0,2 without quotes as a device and a count, and
		// refuses it later. Nobody means that.
		if p.last == "device" || p.last == "capabilities" {
			return p.list(p.last, key)
		}
		key, val = "count", key
	}
	if p.seen[key] {
		return bad("%.40q is given twice", key)
	}
	p.seen[key], p.last = true, key
	switch key {
	case "count":
		return p.count(val)
	case "device", "capabilities":
		return p.list(key, val)
	case "driver":
		v := Vendor(strings.ToLower(val))
		if !slices.Contains(vendors[:], v) {
			return bad("driver %.40q, want nvidia, amd, intel or apple", val)
		}
		p.r.Vendor = v
		return nil
	case "options":
		return bad("options are not known here")
	}
	return bad("%.40q, want all, a number, device=, count=, driver= or capabilities=", key)
}

func (p *requestParser) count(s string) error {
	if s == "all" || s == "-1" {
		p.r.Count = All
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxIDs || s[0] == '+' {
		return bad("%.40q is no number of GPUs, want all or 1 to %d", s, maxIDs)
	}
	p.r.Count = n
	return nil
}

func (p *requestParser) list(key, s string) error {
	for v := range strings.SplitSeq(s, ",") {
		v = strings.TrimSpace(v)
		if key == "capabilities" {
			if v != "gpu" && v != "compute" && v != "utility" {
				return bad("capability %.40q, want gpu, compute or utility: a sandbox has no screen", v)
			}
			if !slices.Contains(p.r.Capabilities, v) {
				p.r.Capabilities = append(p.r.Capabilities, v)
			}
			continue
		}
		switch {
		case strings.HasPrefix(strings.ToUpper(v), "MIG-"):
			return bad("%.80q is a slice of a GPU: only whole GPUs are lent", v)
		case !isID(v):
			return bad("device %.80q, want an index, a UUID or a PCI address", v)
		case slices.Contains(p.r.IDs, v):
			return bad("device %.80q is named twice", v)
		case len(p.r.IDs) == maxIDs:
			return bad("more than %d devices", maxIDs)
		}
		p.r.IDs = append(p.r.IDs, v)
	}
	return nil
}

func (p *requestParser) finish() (Request, error) {
	switch {
	case p.r.Count != 0 && len(p.r.IDs) > 0:
		return Request{}, bad("a number and devices are both given")
	case p.r.None():
		p.r.Count = 1 // docker's own: driver=nvidia alone is one card
	}
	return p.r, nil
}

// String writes r so that ParseRequest reads it back the same.
func (r Request) String() string {
	if r.None() {
		return "none"
	}
	var parts []string
	switch {
	case len(r.IDs) == 1:
		parts = append(parts, "device="+r.IDs[0])
	case len(r.IDs) > 1:
		parts = append(parts, `"device=`+strings.Join(r.IDs, ",")+`"`)
	case r.Count == All:
		parts = append(parts, "all")
	default:
		parts = append(parts, strconv.Itoa(r.Count))
	}
	if r.Vendor != "" {
		parts = append(parts, "driver="+string(r.Vendor))
	}
	if len(r.Capabilities) > 0 {
		parts = append(parts, `"capabilities=`+strings.Join(r.Capabilities, ",")+`"`)
	}
	return strings.Join(parts, ",")
}

func bad(format string, a ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrRequest}, a...)...)
}

// isID tells whether s can name a card: letters, digits and ._:- up to 80,
// which is also what a CDI device and a signed offer may hold.
func isID(s string) bool {
	if s == "" || len(s) > 80 {
		return false
	}
	for i, c := range []byte(s) {
		word := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		inner := i > 0 && i < len(s)-1 && strings.IndexByte("._:-", c) >= 0
		if !word && !inner {
			return false
		}
	}
	return true
}
