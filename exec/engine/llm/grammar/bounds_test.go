package grammar

import (
	"runtime"
	"strings"
	"testing"
)

// A grammar is a stranger's: what is made of its text must not grow faster
// than the text, also where it is refused in the end.
func TestGBNFCost(t *testing.T) {
	for name, source := range map[string]string{
		"repetitions of repetitions": `root ::= "a"` + strings.Repeat("{0,1000}", maxSchema/8-8),
		"comments":                   `root ::= "a"` + strings.Repeat("\n#", maxSchema/2-8),
		"names":                      "root ::= a" + strings.Repeat("|a", maxSchema/2-16) + "\na ::= \"b\"",
		"groups":                     "root ::= " + strings.Repeat(`("a")*`, maxSchema/6-8),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := GBNF(source)
		runtime.ReadMemStats(&after)
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 128 {
			t.Errorf("%s: %d MiB allocated for a text of %d KiB (%v)", name, took, len(source)>>10, err)
		}
	}
}
