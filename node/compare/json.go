package compare

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Bounds of a JSON document.
const (
	maxNesting = 64
	maxKeys    = 1 << 17 // of the objects that are open at one place, together
	maxNumber  = 1024    // bytes that spell one number
)

// scanner reads JSON (RFC 8259) and the names NaN, Infinity and -Infinity for
// numbers, which widely used programs write. It refuses keys that occur twice in
// one object, text that is no UTF-8, and half surrogates.
type scanner struct {
	raw []byte
	pos int
}

func (s *scanner) bad(what string) error {
	return fmt.Errorf("%w: %s at byte %d", ErrMalformed, what, s.pos)
}

// space skips white space and returns what comes next, 0 at the end.
func (s *scanner) space() byte {
	for ; s.pos < len(s.raw); s.pos++ {
		switch c := s.raw[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// checkJSON tells whether raw is one document within the bounds.
func checkJSON(raw []byte) error {
	s := scanner{raw: raw}
	if !utf8.Valid(raw) {
		return s.bad("no UTF-8")
	}
	keys := 0
	if err := s.check(0, &keys); err != nil {
		return err
	}
	if s.space() != 0 || s.pos != len(raw) {
		return s.bad("more than one document")
	}
	return nil
}

func (s *scanner) check(depth int, keys *int) error {
	if depth > maxNesting {
		return fmt.Errorf("%w: nested %d deep", ErrLarge, depth)
	}
	switch s.space() {
	case '{':
		return s.checkObject(depth, keys)
	case '[':
		return s.items(']', func() error { return s.check(depth+1, keys) })
	case '"':
		_, err := s.text()
		return err
	}
	return s.scalar()
}

func (s *scanner) checkObject(depth int, keys *int) error {
	var seen map[string]bool
	defer func() { *keys -= len(seen) }()
	return s.items('}', func() error {
		if s.space() != '"' {
			return s.bad("no key")
		}
		key, err := s.text()
		switch {
		case err != nil:
			return err
		case seen[key]:
			return s.bad("a key that is there already")
		case *keys >= maxKeys:
			return fmt.Errorf("%w: more than %d keys", ErrLarge, maxKeys)
		}
		if seen == nil {
			seen = map[string]bool{}
		}
		seen[key] = true
		*keys++
		if s.space() != ':' {
			return s.bad("no colon")
		}
		s.pos++
		return s.check(depth+1, keys)
	})
}

// items reads an opening bracket, what each reads parted by commas, and end.
func (s *scanner) items(end byte, each func() error) error {
	s.pos++
	if s.space() == end {
		s.pos++
		return nil
	}
	for {
		if err := each(); err != nil {
			return err
		}
		switch s.space() {
		case ',':
			s.pos++
		case end:
			s.pos++
			return nil
		default:
			return s.bad("neither a comma nor an end")
		}
	}
}

// scalar reads a number or a name.
func (s *scanner) scalar() error {
	word := s.word()
	switch string(word) {
	case "true", "false", "null", "NaN", "Infinity", "-Infinity":
		return nil
	}
	if !isNumber(word) {
		return s.bad("no value")
	}
	return nil
}

// word reads up to the next delimiter.
func (s *scanner) word() []byte {
	s.space()
	start := s.pos
	for ; s.pos < len(s.raw); s.pos++ {
		switch s.raw[s.pos] {
		case ' ', '\t', '\n', '\r', ',', ':', ']', '}', '[', '{', '"':
			return s.raw[start:s.pos]
		}
	}
	return s.raw[start:]
}

// isNumber holds a number to the grammar of JSON.
func isNumber(w []byte) bool {
	if len(w) > maxNumber {
		return false
	}
	i := 0
	digits := func() bool {
		start := i
		for i < len(w) && w[i] >= '0' && w[i] <= '9' {
			i++
		}
		return i > start
	}
	if i < len(w) && w[i] == '-' {
		i++
	}
	zero := i < len(w) && w[i] == '0'
	if start := i; !digits() || zero && i > start+1 {
		return false
	}
	if i < len(w) && w[i] == '.' {
		if i++; !digits() {
			return false
		}
	}
	if i < len(w) && (w[i] == 'e' || w[i] == 'E') {
		if i++; i < len(w) && (w[i] == '+' || w[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(w)
}

// text reads a string and takes its escapes away.
func (s *scanner) text() (string, error) {
	s.pos++
	start := s.pos
	for ; s.pos < len(s.raw); s.pos++ {
		switch c := s.raw[s.pos]; {
		case c == '"':
			s.pos++
			return string(s.raw[start : s.pos-1]), nil
		case c == '\\':
			return s.escaped(append([]byte{}, s.raw[start:s.pos]...))
		case c < ' ':
			return "", s.bad("a control character")
		}
	}
	return "", s.bad("text without an end")
}

func (s *scanner) escaped(out []byte) (string, error) {
	for s.pos < len(s.raw) {
		c := s.raw[s.pos]
		s.pos++
		switch {
		case c == '"':
			return string(out), nil
		case c < ' ':
			return "", s.bad("a control character")
		case c != '\\':
			out = append(out, c)
			continue
		}
		r, ok := s.escape()
		if !ok {
			return "", s.bad("an escape that says nothing")
		}
		out = utf8.AppendRune(out, r)
	}
	return "", s.bad("text without an end")
}

// escape reads what follows a backslash.
func (s *scanner) escape() (rune, bool) {
	if s.pos >= len(s.raw) {
		return 0, false
	}
	c := s.raw[s.pos]
	s.pos++
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
		r, ok := s.hex()
		if !ok || !utf16.IsSurrogate(r) {
			return r, ok
		}
		if s.pos+2 > len(s.raw) || s.raw[s.pos] != '\\' || s.raw[s.pos+1] != 'u' {
			return 0, false
		}
		s.pos += 2
		low, ok := s.hex()
		r = utf16.DecodeRune(r, low)
		return r, ok && r != utf8.RuneError
	}
	return 0, false
}

func (s *scanner) hex() (rune, bool) {
	if s.pos+4 > len(s.raw) {
		return 0, false
	}
	for _, c := range s.raw[s.pos : s.pos+4] {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return 0, false
		}
	}
	v, err := strconv.ParseUint(string(s.raw[s.pos:s.pos+4]), 16, 16)
	s.pos += 4
	return rune(v), err == nil
}
