package openai

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// member is one member of an object: its name, unescaped, and where its value
// lies in the text.
type member struct {
	name       string
	start, end int
}

// wellFormed says what is wrong with a text as JSON of at most depth nested
// lists and objects, "" when nothing is. Other hops read invalid UTF-8 each in
// their own way, so it is refused.
func wellFormed(b []byte, depth int) string {
	switch {
	case !utf8.Valid(b):
		return "the body is not valid UTF-8"
	case tooDeep(b, depth):
		return "the body is nested too deeply"
	case !json.Valid(b):
		return "the body is not valid JSON"
	}
	return ""
}

// tooDeep counts brackets outside of texts, before any decoder recurses.
func tooDeep(b []byte, limit int) bool {
	for i, depth := 0, 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = stringEnd(b, i) - 1
		case '{', '[':
			if depth++; depth > limit {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

// stringEnd is the offset after the string that begins at i, or len(b) when
// it does not end.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			break
		}
		i += n + 1
		back := i - 2
		for back >= 0 && b[back] == '\\' {
			back--
		}
		// An even number of backslashes escapes only one another.
		if (i-2-back)%2 == 0 {
			return i
		}
	}
	return len(b)
}

// space is the offset of what follows the blanks at i.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// valueEnd is the offset after the value that begins at i. It does not check
// the value, but never goes beyond the text.
func valueEnd(b []byte, i int) int {
	if i >= len(b) {
		return i
	}
	switch b[i] {
	case '"':
		return stringEnd(b, i)
	case '{', '[':
		for depth := 0; i < len(b); i++ {
			switch b[i] {
			case '"':
				i = stringEnd(b, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return len(b)
	}
	for i < len(b) && bytes.IndexByte([]byte(" \n\t\r,}]"), b[i]) < 0 {
		i++
	}
	return i
}

// members calls f with each member of the object b until it says false. It
// returns the offset of the closing brace. Of a text that is no JSON it makes
// what it can, or fails with ErrNotObject.
func members(b []byte, f func(member) bool) (int, error) {
	i := space(b, 0)
	if i >= len(b) || b[i] != '{' {
		return 0, ErrNotObject
	}
	for i = space(b, i+1); i < len(b) && b[i] != '}'; {
		if b[i] != '"' {
			return 0, ErrNotObject
		}
		end := stringEnd(b, i)
		name, ok := text(b[i:end])
		i = space(b, end)
		if !ok || i >= len(b) || b[i] != ':' {
			return 0, ErrNotObject
		}
		start := space(b, i+1)
		end = valueEnd(b, start)
		if end == start {
			return 0, ErrNotObject
		}
		if !f(member{name, start, end}) {
			return end, nil
		}
		if i = space(b, end); i < len(b) && b[i] == ',' {
			i = space(b, i+1)
		} else if i < len(b) && b[i] != '}' {
			return 0, ErrNotObject
		}
	}
	if i >= len(b) {
		return 0, ErrNotObject
	}
	return i, nil
}

// elements calls f with each element of the list b until it says false, and
// says whether b is a list.
func elements(b []byte, f func(raw []byte) bool) bool {
	i := space(b, 0)
	if i >= len(b) || b[i] != '[' {
		return false
	}
	for i = space(b, i+1); i < len(b) && b[i] != ']'; {
		end := valueEnd(b, i)
		if end == i || !f(b[i:end]) {
			return end != i
		}
		if i = space(b, end); i < len(b) && b[i] == ',' {
			i = space(b, i+1)
		}
	}
	return true
}

// text is the string that b quotes.
func text(b []byte) (string, bool) {
	if len(b) < 2 || b[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b[1 : len(b)-1]), true
	}
	var s string
	err := json.Unmarshal(b, &s)
	return s, err == nil
}
