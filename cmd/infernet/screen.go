package main

import (
	"io"
	"unicode"
	"unicode/utf8"
)

// screen passes a task's output on as text alone: control characters, escape
// sequences and direction overrides become U+FFFD, so that a stranger's task
// cannot drive the terminal. It keeps a rune that was cut between two writes.
type screen struct {
	w    io.Writer
	rest []byte
}

// Write never reports fewer bytes than it was given unless w fails.
func (s *screen) Write(p []byte) (int, error) {
	in := append(s.rest, p...)
	out := make([]byte, 0, len(in))
	for len(in) > 0 && utf8.FullRune(in) {
		r, n := utf8.DecodeRune(in)
		in = in[n:]
		if !showable(r) {
			r = utf8.RuneError
		}
		out = utf8.AppendRune(out, r)
	}
	s.rest = append([]byte(nil), in...)
	if _, err := s.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

func showable(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return true
	case unicode.IsControl(r):
		return false
	// Direction overrides and isolates make text read as another text.
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return false
	}
	return true
}
