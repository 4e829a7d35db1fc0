package main

import (
	"strings"
	"unicode/utf8"
)

// assembler makes an answer's text of its tokens' pieces. What it gives out
// is whole characters only, and never the beginning of a stop text.
type assembler struct {
	stops []string
	rest  []byte // of a character that is not complete
	held  string // may be the beginning of a stop text
}

// add takes a piece and returns what is certain by now, and whether a stop
// text ended the answer; that text is not part of it.
func (a *assembler) add(piece string) (text string, stopped bool) {
	if len(a.rest) == 0 && len(a.stops) == 0 && utf8.ValidString(piece) {
		return piece, false
	}
	a.rest = append(a.rest, piece...)
	return a.release(a.runes(false))
}

// close returns what was held back. What never became a character is U+FFFD.
func (a *assembler) close() string {
	text, stopped := a.release(a.runes(true))
	if !stopped {
		text += a.held
	}
	a.held = ""
	return text
}

// runes takes the whole characters off the rest, at the end all of it.
func (a *assembler) runes(end bool) string {
	var out []byte
	for len(a.rest) > 0 && (end || utf8.FullRune(a.rest)) {
		r, n := utf8.DecodeRune(a.rest)
		out = utf8.AppendRune(out, r)
		a.rest = a.rest[n:]
	}
	return string(out)
}

func (a *assembler) release(more string) (string, bool) {
	text := a.held + more
	if at := firstStop(text, a.stops); at >= 0 {
		a.held = ""
		return text[:at], true
	}
	n := beginning(text, a.stops)
	a.held = text[len(text)-n:]
	return text[:len(text)-n], false
}

// firstStop is where the first of the stop texts begins, -1 without one.
func firstStop(text string, stops []string) int {
	first := -1
	for _, stop := range stops {
		if at := strings.Index(text, stop); at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	return first
}

// beginning is the length of the longest end of text that begins a stop text.
func beginning(text string, stops []string) int {
	longest := 0
	for _, stop := range stops {
		for n := min(len(stop)-1, len(text)); n > longest; n-- {
			if strings.HasSuffix(text, stop[:n]) {
				longest = n
			}
		}
	}
	return longest
}
