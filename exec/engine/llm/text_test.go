package main

import (
	"slices"
	"testing"
	"unicode/utf8"
)

// pieces keeps what each Write got.
type pieces []string

func (p *pieces) Write(b []byte) (int, error) {
	*p = append(*p, string(b))
	return len(b), nil
}

func TestTextWriter(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, want []string }{
		{[]string{"ab", "c"}, []string{"ab", "c"}},
		{[]string{"\xe2", "\x82", "\xac!"}, []string{"€!"}},
		{[]string{"a\xf0\x9f", "\x98\x80b"}, []string{"a", "😀b"}},
		{[]string{"\xff", "x"}, []string{"\uFFFD", "x"}},
		{[]string{"x\xe2\x82"}, []string{"x", "\uFFFD\uFFFD"}},
	} {
		var got pieces
		w := &textWriter{w: &got}
		for _, s := range tc.in {
			if _, err := w.Write([]byte(s)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%q: got %q, want %q", tc.in, got, tc.want)
		}
		for _, p := range got {
			if !utf8.ValidString(p) {
				t.Errorf("%q: %q was written", tc.in, p)
			}
		}
	}
}
