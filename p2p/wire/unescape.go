package wire

import (
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

var errEscape = errors.New("malformed escape")

// unescape undoes the escapes of a JSON string (RFC 8259, section 7). Unlike
// encoding/json it refuses half of a surrogate pair instead of replacing it.
func unescape(raw []byte) (string, error) {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			i++
			continue
		}
		if raw[i+1] == 'u' {
			r, n := unescapeRune(raw[i:])
			if n == 0 {
				return "", errEscape
			}
			out = utf8.AppendRune(out, r)
			i += n
			continue
		}
		c := unescapeByte(raw[i+1])
		if c == 0 {
			return "", errEscape
		}
		out = append(out, c)
		i += 2
	}
	return string(out), nil
}

// unescapeByte returns 0 for a letter that escapes nothing.
func unescapeByte(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	}
	return 0
}

// unescapeRune reads \uXXXX, or two of them that make one character. It
// returns the bytes read, 0 when they are malformed.
func unescapeRune(raw []byte) (rune, int) {
	r, ok := hexRune(raw)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, ok := hexRune(raw[6:])
	if full := utf16.DecodeRune(r, low); ok && full != utf8.RuneError {
		return full, 12
	}
	return 0, 0
}

func hexRune(raw []byte) (rune, bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	return rune(n), err == nil
}
