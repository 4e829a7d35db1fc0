package main

import (
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	t.Parallel()
	npub := "npub1v9jcfsgw8ycl8zum0nzhj55enjrav0ctx3cs45d5jtc7l7yhjasq9m3pqq/me/app:1.0"
	for got, want := range map[string]string{
		// What several sources say is told on one line, and not cut short.
		words("no source has it: source a: cut\nsource b: refused\n"): "no source has it: source a: cut; source b: refused",
		words("the name \x1b[2J"):                                     `"the name \x1b[2J"`,
		// The name that an author signed is what the content is fetched by.
		nameText(npub):             npub,
		nameText("a b"):            `"a b"`,
		nameText(""):               "-",
		listText([]string{npub}):   npub,
		listText([]string{"\x1b"}): `"\x1b"`,
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := nameText(strings.Repeat("a", 1000)); len(got) > 200 {
		t.Errorf("%d bytes of a stranger's text", len(got))
	}
}
