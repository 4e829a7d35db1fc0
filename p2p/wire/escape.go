package wire

import "unicode/utf8"

// appendTags appends tags as JSON without spaces.
func appendTags(b []byte, tags [][]string) []byte {
	b = append(b, '[')
	for i, t := range tags {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		for j, s := range t {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendString(b, s)
		}
		b = append(b, ']')
	}
	return append(b, ']')
}

// appendString appends a JSON string escaped by NIP-01: seven characters have
// an escape and all others stand as they are.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		if e := escapeOf(s[i]); e != 0 {
			b = append(append(b, s[from:i]...), '\\', e)
			from = i + 1
		}
	}
	return append(append(b, s[from:]...), '"')
}

// escapeOf returns the letter after the backslash, or 0 for no escape.
func escapeOf(c byte) byte {
	switch c {
	case '\n':
		return 'n'
	case '"', '\\':
		return c
	case '\r':
		return 'r'
	case '\t':
		return 't'
	case '\b':
		return 'b'
	case '\f':
		return 'f'
	}
	return 0
}

// isText reports whether NIP-01 gives s one spelling: UTF-8 without the other
// control characters, which it wants verbatim and JSON forbids.
func isText(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 && escapeOf(s[i]) == 0 {
			return false
		}
	}
	return utf8.ValidString(s)
}

// textSize is the length of s as appendString writes it.
func textSize(s string) int {
	n := len(s) + 2
	for i := range len(s) {
		if escapeOf(s[i]) != 0 {
			n++
		}
	}
	return n
}
