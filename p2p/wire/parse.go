package wire

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"infernet.tech/infernet/p2p/identity"
)

// Parse reads one event from its NIP-01 JSON and verifies it. The bytes must
// be that object and nothing more: all seven fields once each in any order, hex
// in lower case and of the right length, numbers as plain integers, at most
// MaxEvent bytes. Errors are ErrTooBig, ErrSyntax, ErrInvalid, ErrBadID and
// ErrBadSignature.
func Parse(raw []byte) (Event, error) {
	if len(raw) > MaxEvent {
		return Event{}, fmt.Errorf("%w: %d bytes, at most %d", ErrTooBig, len(raw), MaxEvent)
	}
	p := parser{buf: raw}
	e, err := p.event()
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return Event{}, err
	}
	return e, nil
}

// event reads and verifies one event.
func (p *parser) event() (Event, error) {
	var e Event
	seen := 0
	err := p.object(func(name string) error {
		seen++
		return p.field(&e, name)
	})
	if err == nil && seen != 7 {
		err = p.fail("missing field")
	}
	if err == nil {
		err = e.Verify()
	}
	if err != nil {
		return Event{}, err
	}
	return e, nil
}

func (p *parser) field(e *Event, name string) (err error) {
	switch name {
	case "id":
		return p.hex(e.ID[:])
	case "pubkey":
		return p.pubkey(&e.PubKey)
	case "created_at":
		e.CreatedAt, err = p.integer(maxUnix)
	case "kind":
		var k int64
		k, err = p.integer(1<<16 - 1)
		e.Kind = Kind(k)
	case "tags":
		e.Tags, err = p.tags()
	case "content":
		e.Content, err = p.text(MaxEvent)
	case "sig":
		return p.hex(e.Sig[:])
	default:
		return p.fail("unknown field %.32q", name)
	}
	return err
}

// parser is a strict JSON reader of the few shapes an event has. It exists
// because encoding/json takes repeated and differently cased fields, mends bad
// UTF-8, and takes memory before a limit can be applied.
type parser struct {
	buf []byte
	pos int
}

func (p *parser) fail(format string, args ...any) error {
	return fmt.Errorf("%w: byte %d: %s", ErrSyntax, p.pos, fmt.Sprintf(format, args...))
}

func (p *parser) space() {
	for p.pos < len(p.buf) {
		switch p.buf[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// peek returns the next byte that is no space, or 0 at the end.
func (p *parser) peek() byte {
	p.space()
	if p.pos == len(p.buf) {
		return 0
	}
	return p.buf[p.pos]
}

func (p *parser) expect(c byte) error {
	if p.peek() != c {
		return p.fail("want %q", c)
	}
	p.pos++
	return nil
}

// end checks that nothing follows.
func (p *parser) end() error {
	if p.space(); p.pos != len(p.buf) {
		return p.fail("trailing bytes")
	}
	return nil
}

// object reads an object of at most seven fields, each name once.
func (p *parser) object(field func(name string) error) error {
	if err := p.expect('{'); err != nil {
		return err
	}
	var names [7]string
	for n := 0; ; n++ {
		if n == len(names) {
			return p.fail("too many fields")
		}
		name, err := p.text(32)
		if err != nil {
			return err
		}
		for _, before := range names[:n] {
			if before == name {
				return p.fail("field %q occurs twice", name)
			}
		}
		names[n] = name
		if err := p.expect(':'); err != nil {
			return err
		}
		if err := field(name); err != nil {
			return err
		}
		if p.peek() != ',' {
			return p.expect('}')
		}
		p.pos++
	}
}

// list reads an array, calling element for each.
func (p *parser) list(element func() error) error {
	if err := p.expect('['); err != nil {
		return err
	}
	if p.peek() == ']' {
		p.pos++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if p.peek() != ',' {
			return p.expect(']')
		}
		p.pos++
	}
}

// tags gives up at the first tag or value too many, so that what it takes is
// bounded by the limits and not by the bytes.
func (p *parser) tags() ([][]string, error) {
	tags := [][]string{}
	err := p.list(func() error {
		if len(tags) == MaxTags {
			return fmt.Errorf("%w: more than %d tags", ErrTooBig, MaxTags)
		}
		var tag []string
		err := p.list(func() error {
			if len(tag) == MaxTagValues {
				return fmt.Errorf("%w: more than %d values in a tag", ErrTooBig, MaxTagValues)
			}
			s, err := p.text(MaxTagBytes)
			tag = append(tag, s)
			return err
		})
		tags = append(tags, tag)
		return err
	})
	return tags, err
}

// integer reads a JSON integer from 0 to limit in its one spelling.
func (p *parser) integer(limit int64) (int64, error) {
	p.space()
	from := p.pos
	for p.pos < len(p.buf) && p.buf[p.pos] >= '0' && p.buf[p.pos] <= '9' {
		if p.pos++; p.pos-from > 20 {
			return 0, p.fail("number is too long")
		}
	}
	s := string(p.buf[from:p.pos])
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > limit || len(s) > 1 && s[0] == '0' {
		return 0, p.fail("not an integer from 0 to %d", limit)
	}
	return n, nil
}

func (p *parser) hex(dst []byte) error {
	s, err := p.text(2 * len(dst))
	if err != nil {
		return err
	}
	return parseHex(dst, s)
}

func (p *parser) pubkey(dst *identity.PubKey) error { return p.hex(dst[:]) }

// text reads a JSON string of at most limit bytes once unescaped. The string's
// end is found, and its length held to the limit, before it is copied.
func (p *parser) text(limit int) (string, error) {
	if err := p.expect('"'); err != nil {
		return "", err
	}
	from, escaped := p.pos, false
	for ; ; p.pos++ {
		if p.pos == len(p.buf) {
			return "", p.fail("string without end")
		}
		c := p.buf[p.pos]
		if c == '"' {
			break
		}
		if c < 0x20 {
			return "", p.fail("control character in a string")
		}
		if c == '\\' {
			escaped = true
			// Skip what is escaped: it may be the quote.
			if p.pos++; p.pos == len(p.buf) {
				return "", p.fail("string without end")
			}
		}
	}
	raw := p.buf[from:p.pos]
	p.pos++
	if !utf8.Valid(raw) {
		return "", p.fail("not UTF-8")
	}
	// An escape is at most six bytes for one.
	if len(raw) > 6*limit || !escaped && len(raw) > limit {
		return "", fmt.Errorf("%w: a string of %d bytes, at most %d", ErrTooBig, len(raw), limit)
	}
	if !escaped {
		return string(raw), nil
	}
	s, err := unescape(raw)
	if err != nil {
		return "", p.fail("%v", err)
	}
	if len(s) > limit {
		return "", fmt.Errorf("%w: a string of %d bytes, at most %d", ErrTooBig, len(s), limit)
	}
	return s, nil
}
