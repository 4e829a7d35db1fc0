package chat

import (
	"strings"
	"testing"
)

func TestStretches(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text string
		want int
	}{
		{"", 1}, {strings.Repeat("a", 1024), 1}, {strings.Repeat("a", 1025), 2}, {strings.Repeat("word ", 10_000), 1},
		{strings.Repeat("é", 5000), 5}, {strings.Repeat(" ", 5000), 5}, {strings.Repeat("!", 5000), 5},
		{strings.Repeat("!\u0301", 2500), 5}, {strings.Repeat("a\u0301", 2500), 5}, {strings.Repeat("\xff", 3000), 3},
	} {
		got := Stretches(tc.text)
		if len(got) != tc.want || strings.Join(got, "") != tc.text {
			t.Errorf("%.10q of %d bytes: %d stretches, want %d", tc.text, len(tc.text), len(got), tc.want)
		}
	}
}
