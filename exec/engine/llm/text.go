package main

import (
	"io"
	"unicode/utf8"
)

// textWriter passes whole characters on and holds the rest back: a token may
// end in the middle of one. What never becomes a character is written as
// U+FFFD.
type textWriter struct {
	w    io.Writer
	rest []byte
}

func (t *textWriter) Write(p []byte) (int, error) {
	t.rest = append(t.rest, p...)
	return len(p), t.pass(false)
}

// Close writes what was held back. It does not close the writer below.
func (t *textWriter) Close() error { return t.pass(true) }

func (t *textWriter) pass(end bool) error {
	var out []byte
	for len(t.rest) > 0 && (end || utf8.FullRune(t.rest)) {
		r, n := utf8.DecodeRune(t.rest)
		out = utf8.AppendRune(out, r)
		t.rest = t.rest[n:]
	}
	if len(out) == 0 {
		return nil
	}
	_, err := t.w.Write(out)
	return err
}
