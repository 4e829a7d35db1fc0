package polygon

import (
	"unicode"
	"unicode/utf8"
)

// clip cuts a text, which may be a stranger's, to one line that a document can
// carry and a terminal can show.
func clip(s string) string {
	const most = 200 // runes, so at most 800 bytes
	out := make([]rune, 0, most)
	for _, c := range s {
		if len(out) == most {
			break
		}
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			c = ' '
		}
		out = append(out, c)
	}
	return string(out)
}
