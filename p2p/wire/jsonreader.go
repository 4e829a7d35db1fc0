package wire

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

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
