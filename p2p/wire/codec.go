package wire

import (
	"fmt"
	"strconv"

	"infernet.tech/infernet/p2p/identity"
)

// codec moves a message's fields to tags or from tags. One list of calls, in a
// message's walk method, serves both directions, so that they cannot drift
// apart. The first error is kept and ends the work.
//
// A field that is opt is left out when it is the zero value and may be absent;
// any other must be there. Reading refuses a known tag that occurs twice or has
// the wrong number of values; tags nobody asks for are ignored.
type codec struct {
	*tape
	optional bool
}

// tape is what all copies of one codec share.
type tape struct {
	write   bool
	tags    [][]string
	content string
	// contentUsed is set by the one kind whose message lives in the content.
	contentUsed bool
	err         error
}

// opt returns a codec for fields that may be absent.
func (c codec) opt() codec { return codec{c.tape, true} }

func (c codec) fail(name, format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: tag %s: %s", ErrInvalid, name, fmt.Sprintf(format, args...))
	}
}

// put appends a tag, unless the field is optional and zero.
func (c codec) put(name string, zero bool, values ...string) {
	if c.optional && zero {
		return
	}
	c.tags = append(c.tags, append([]string{name}, values...))
}

// values returns the values of the one tag of that name.
func (c codec) values(name string) ([]string, bool) {
	if c.err != nil {
		return nil, false
	}
	var found []string
	for _, t := range c.tags {
		if t[0] != name {
			continue
		}
		if found != nil {
			c.fail(name, "occurs twice")
			return nil, false
		}
		found = t
	}
	if found == nil {
		if !c.optional {
			c.fail(name, "is missing")
		}
		return nil, false
	}
	return found[1:], true
}

// value returns the value of the one tag of that name.
func (c codec) value(name string) (string, bool) {
	v, ok := c.values(name)
	if !ok {
		return "", false
	}
	if len(v) != 1 {
		c.fail(name, "has %d values, want 1", len(v))
		return "", false
	}
	return v[0], true
}

func (c codec) str(name string, v *string) {
	if c.write {
		c.put(name, *v == "", *v)
	} else if s, ok := c.value(name); ok {
		*v = s
	}
}

func (c codec) id(name string, v *ID) {
	if c.write {
		c.put(name, v.IsZero(), v.String())
	} else if s, ok := c.value(name); ok {
		if err := parseHex(v[:], s); err != nil {
			c.fail(name, "%v", err)
		}
	}
}

func (c codec) pub(name string, v *identity.PubKey) {
	if c.write {
		c.put(name, v.IsZero(), v.Hex())
	} else if s, ok := c.value(name); ok {
		*v = c.parsePub(name, s)
	}
}

// parsePub takes hex alone: NIP-01 tags carry no npub.
func (c codec) parsePub(name, s string) identity.PubKey {
	if len(s) != 64 {
		c.fail(name, "not a hex public key")
		return identity.PubKey{}
	}
	p, err := identity.ParsePubKey(s)
	if err != nil {
		c.fail(name, "%v", err)
	}
	return p
}

func (c codec) u64(name string, v *uint64) {
	if c.write {
		c.put(name, *v == 0, strconv.FormatUint(*v, 10))
	} else if s, ok := c.value(name); ok {
		*v = c.parseUint(name, s, 64)
	}
}

func (c codec) u32(name string, v *uint32) {
	w := uint64(*v)
	if c.write {
		c.u64(name, &w)
	} else if s, ok := c.value(name); ok {
		*v = uint32(c.parseUint(name, s, 32))
	}
}

func (c codec) i64(name string, v *int64) {
	if c.write {
		c.put(name, *v == 0, strconv.FormatInt(*v, 10))
	} else if s, ok := c.value(name); ok {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != s {
			c.fail(name, "not a decimal number")
		}
		*v = n
	}
}

// flag is "1" or absent.
func (c codec) flag(name string, v *bool) {
	s := ""
	if *v {
		s = "1"
	}
	c.opt().str(name, &s)
	if !c.write {
		if s != "" && s != "1" {
			c.fail(name, "not a flag")
		}
		*v = s == "1"
	}
}

// parseUint takes the one decimal spelling of a number: no sign, no leading
// zero, at most the given bits.
func (c codec) parseUint(name, s string, bits int) uint64 {
	n, err := strconv.ParseUint(s, 10, bits)
	if err != nil || strconv.FormatUint(n, 10) != s {
		c.fail(name, "not a decimal number of %d bits", bits)
	}
	return n
}

// slot is what names one execution.
func (c codec) slot(job *ID, shard, attempt *uint32) {
	c.id("job", job)
	c.u32("shard", shard)
	c.u32("attempt", attempt)
}

// body is the message's text in the event's content.
func (c codec) body(v *string) {
	c.contentUsed = true
	if c.write {
		c.content = *v
	} else {
		*v = c.content
	}
}
