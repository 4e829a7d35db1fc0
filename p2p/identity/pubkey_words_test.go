package identity

import (
	"errors"
	"strings"
	"testing"
)

// What people type in place of a key is told for what it is, not in the words of
// its encoding.
func TestParsePubKeyTells(t *testing.T) {
	t.Parallel()
	whole := newKey(t).PubKey().String()
	last := "q"
	if strings.HasSuffix(whole, last) {
		last = "p"
	}
	for text, want := range map[string]string{
		whole[:9] + ".." + whole[len(whole)-4:]: "shortened",
		whole[:9] + "…" + whole[len(whole)-4:]:  "shortened",
		whole[:len(whole)-1] + last:             "mistyped",
		whole[:30]:                              "mistyped",
	} {
		if _, err := ParsePubKey(text); !errors.Is(err, ErrBadPubKey) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "bech32") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
