package main

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAssembler(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		stops, in, want []string // want: what each piece gives, and the end
		stopped         bool
	}{
		{nil, []string{"ab", "c"}, []string{"ab", "c", ""}, false},
		{nil, []string{"\xe2", "\x82", "\xac!"}, []string{"", "", "€!", ""}, false},
		{nil, []string{"a\xf0\x9f", "\x98\x80b"}, []string{"a", "😀b", ""}, false},
		{nil, []string{"\xff", "x\xe2\x82"}, []string{"\uFFFD", "x", "\uFFFD\uFFFD"}, false},
		{[]string{"STOP"}, []string{"aST", "OP b"}, []string{"a", ""}, true},
		{[]string{"STOP"}, []string{"aST", "ay"}, []string{"a", "STay", ""}, false},
		{[]string{"STOP"}, []string{"aST"}, []string{"a", "ST"}, false},
		{[]string{"b\nc", "\n\n"}, []string{"a\n", "b\n", "\nx"}, []string{"a", "\n", "b"}, true},
		{[]string{"aab"}, []string{"aa", "a", "b"}, []string{"", "a", ""}, true},
		{[]string{"€"}, []string{"x\xe2", "\x82", "\xacy"}, []string{"x", "", ""}, true},
		{[]string{"x", "ax"}, []string{"a", "x"}, []string{"", ""}, true},
	} {
		a := assembler{stops: tc.stops}
		var got []string
		stopped := false
		for _, piece := range tc.in {
			var text string
			if text, stopped = a.add(piece); !utf8.ValidString(text) {
				t.Errorf("%q gives %q", tc.in, text)
			}
			got = append(got, text)
			if stopped {
				break
			}
		}
		if !stopped {
			got = append(got, a.close())
		}
		if !slices.Equal(got, tc.want) || stopped != tc.stopped {
			t.Errorf("%q with stops %q: got %q, %v, want %q, %v", tc.in, tc.stops, got, stopped, tc.want, tc.stopped)
		}
	}
}

func FuzzAssembler(f *testing.F) {
	f.Add("hello STOP \xe2\x82\xac", "STOP", "o", 3)
	f.Fuzz(func(t *testing.T, in, stop1, stop2 string, cut int) {
		if stop1 == "" || stop2 == "" || !utf8.ValidString(stop1+stop2) {
			return
		}
		cut = 1 + max(cut, -cut)%7
		a := assembler{stops: []string{stop1, stop2}}
		var got strings.Builder
		stopped := false
		for rest := in; rest != "" && !stopped; rest = rest[min(cut, len(rest)):] {
			var text string
			text, stopped = a.add(rest[:min(cut, len(rest))])
			got.WriteString(text)
		}
		if !stopped {
			got.WriteString(a.close())
		}
		out := got.String()
		if !utf8.ValidString(out) || strings.Contains(out, stop1) || strings.Contains(out, stop2) {
			t.Errorf("%q gives %q", in, out)
		}
		if !stopped && out != string([]rune(in)) {
			t.Errorf("%q gives %q without a stop", in, out)
		}
	})
}
