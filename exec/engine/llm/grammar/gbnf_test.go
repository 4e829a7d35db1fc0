package grammar

import (
	"errors"
	"strings"
	"testing"
)

func TestGBNF(t *testing.T) {
	t.Parallel()
	const chess = `# moves of a game
root ::= move (" " move)*   # one or more
move ::= piece? [a-h] [1-8]
  | castle
piece ::= [KQRBN]
castle ::= "O-O" "-O"?
`
	for _, tc := range []struct {
		grammar string
		yes, no []string
	}{
		{strings.Replace(chess, "\n  |", " |", 1), []string{"e4", "Nf3 e5 O-O", "O-O-O"}, []string{"", "e9", "e4 ", "O-O-"}},
		{`root ::= "a"{2,3} | "b"{2} | "c"{1,}`, []string{"aa", "aaa", "bb", "c", "ccc"}, []string{"a", "aaaa", "bbb", ""}},
		{`root ::= [^a-y"\]]+ "\n"`, []string{"z\n", "é€😀\n"}, []string{"a\n", "]\n", "z"}},
		{"root ::= x\nx ::= (\n \"ja\" |\n \"nein\" )", []string{"ja", "nein"}, []string{"jein"}},
		{`root ::= "\x41\u00e9\U0001F600" .`, []string{"Aé😀x", "Aé😀ü"}, []string{"Aé😀"}},
		{`root ::= "ab"*`, []string{"", "abab"}, []string{"aba"}},
		{`root ::= "(" root ")" | ""`, []string{"", "(())"}, []string{"(()"}},
	} {
		g, err := GBNF(tc.grammar)
		if err != nil {
			t.Errorf("%s: %v", tc.grammar, err)
			continue
		}
		for _, s := range tc.yes {
			if !takes(t, g, s) {
				t.Errorf("%s refuses %q", tc.grammar, s)
			}
		}
		for _, s := range tc.no {
			if takes(t, g, s) {
				t.Errorf("%s takes %q", tc.grammar, s)
			}
		}
	}
}

func TestGBNFRefuses(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]error{
		"": ErrGrammar, `x ::= "a"`: ErrGrammar, `root ::= nowhere`: ErrGrammar, `root = "a"`: ErrGrammar, `root ::= [a`: ErrGrammar,
		`root ::= (`: ErrGrammar, `root ::= "a" )`: ErrGrammar, `root ::= "a"{x}`: ErrGrammar, `root ::= "a"{3,2}`: ErrGrammar, `root ::= "\q"`: ErrGrammar,
		"root ::= \"a\"\nroot ::= \"b\"": ErrGrammar, "root ::= \xff": ErrGrammar, `root ::= *`: ErrGrammar, `root ::= "a"{1`: ErrGrammar,
		"root ::= " + strings.Repeat("(", 100): ErrLimit, `root ::= "a"{1000000}`: ErrLimit, strings.Repeat(" ", maxSchema+1): ErrLimit,
	} {
		if _, err := GBNF(source); !errors.Is(err, want) {
			t.Errorf("%.60q: %v, want %v", source, err, want)
		}
	}
	v, _ := bytewise()
	g, err := GBNF(`root ::= root "a" | "b"`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Start(v); !errors.Is(err, ErrReadings) {
		t.Errorf("a rule that begins with itself: %v", err)
	}
}

func FuzzGBNF(f *testing.F) {
	f.Add("root ::= \"a\" [^b-c]{2,} (x | .)?\nx ::= root*", []byte("aab"))
	f.Fuzz(func(t *testing.T, source string, answer []byte) {
		g, err := GBNF(source)
		if err != nil {
			return
		}
		v, _ := bytewise()
		m, err := g.Start(v)
		if err != nil {
			return
		}
		for _, b := range answer {
			if !m.Allows(int(b)) {
				break
			}
			m.Accept(int(b))
		}
		m.Mask(make([]float32, len(v.pieces)))
	})
}
