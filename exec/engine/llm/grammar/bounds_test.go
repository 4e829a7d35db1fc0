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

// All answers wait for the one whose next token is being looked for.
func TestFormStall(t *testing.T) {
	t.Parallel()
	g, err := GBNF(`root ::= [a-z]{0,20} ([a-z] root [a-z] | "x") [a-z]{0,20}`)
	if err != nil {
		t.Fatal(err)
	}
	pieces := []string{"a"}
	for i := range 32_000 {
		pieces = append(pieces, string([]byte{'a' + byte(i%3), 'a' + byte(i/3%5), 'a' + byte(i/15%26), 'a' + byte(i/390%26)}))
	}
	f, err := g.Start(NewVocabulary(pieces, make([]bool, len(pieces))))
	if err != nil {
		t.Fatal(err)
	}
	for token := 0; f.Err() == nil && token < 100; token++ {
		before := f.f.work
		f.Mask(make([]float32, len(pieces)))
		f.Accept(0)
		if looked := f.f.work - before; looked > 1_200_000 {
			t.Fatalf("token %d: %d places were looked at", token, looked)
		}
	}
}
