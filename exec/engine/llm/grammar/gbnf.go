package grammar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// GBNF reads a grammar in llama.cpp's notation; its rule root is where an
// answer begins. Errors: ErrGrammar, ErrLimit.
// (https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md)
func GBNF(source string) (*Grammar, error) {
	if len(source) > maxSchema {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrLimit, maxSchema)
	}
	if !utf8.ValidString(source) || strings.ContainsRune(source, 0) {
		return nil, fmt.Errorf("%w: not a text", ErrGrammar)
	}
	p := notation{builder: newBuilder(), rest: source, size: len(source), names: map[string]int32{}}
	for p.blanks(true); p.rest != "" && p.err == nil; p.blanks(true) {
		p.definition()
	}
	for name, rule := range p.names {
		if p.rules[rule] == nil {
			p.wrong("rule %.64q is not there", name)
		}
	}
	root, ok := p.names["root"]
	if !ok {
		p.wrong("there is no rule root")
	}
	if p.err != nil {
		return nil, p.err
	}
	return &Grammar{p.builder.rules, root}, nil
}

// notation reads the text of a grammar.
type notation struct {
	*builder
	rest  string
	size  int
	names map[string]int32
	depth int
}

func (p *notation) wrong(format string, args ...any) {
	p.fail(fmt.Errorf("%w: at byte %d: %s", ErrGrammar, p.size-len(p.rest), fmt.Sprintf(format, args...)))
	p.rest = ""
}

// take passes over a text if it is next.
func (p *notation) take(s string) bool {
	rest, ok := strings.CutPrefix(p.rest, s)
	p.rest = rest
	return ok
}

// blanks passes over white space and comments.
func (p *notation) blanks(lines bool) {
	for {
		p.rest = strings.TrimLeft(p.rest, " \t")
		if strings.HasPrefix(p.rest, "#") {
			p.rest = p.rest[end(strings.IndexAny(p.rest, "\r\n"), p.rest):]
		}
		if !lines || !p.take("\n") && !p.take("\r") {
			return
		}
	}
}

func (p *notation) name() string {
	n := end(strings.IndexFunc(p.rest, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}), p.rest)
	name := p.rest[:n]
	p.rest = p.rest[n:]
	return name
}

// end is n, or the length of s where n says that nothing was found.
func end(n int, s string) int {
	if n < 0 {
		return len(s)
	}
	return n
}

// named is the rule of a name, which may be defined later.
func (p *notation) named(name string) int32 {
	rule, ok := p.names[name]
	if !ok {
		rule = p.reserve()
		p.names[name] = rule
	}
	return rule
}

func (p *notation) definition() {
	name := p.name()
	p.blanks(false)
	if name == "" || !p.take("::=") {
		p.wrong("a rule begins with its name and ::=")
		return
	}
	rule := p.named(name)
	if p.rules[rule] != nil {
		p.wrong("rule %.64q is there twice", name)
		return
	}
	p.blanks(true)
	p.set(rule, p.alternatives(false)...)
	if p.rest != "" && p.rest[0] != '\n' && p.rest[0] != '\r' {
		p.wrong("%.1q is not expected", p.rest)
	}
}

func (p *notation) alternatives(nested bool) [][]symbol {
	if p.depth++; p.depth > maxDepth {
		p.fail(ErrLimit)
		p.rest = ""
	}
	defer func() { p.depth-- }()
	out := [][]symbol{p.sequence(nested)}
	for p.err == nil && p.take("|") {
		p.blanks(true)
		out = append(out, p.sequence(nested))
	}
	return out
}

func (p *notation) sequence(nested bool) []symbol {
	out := []symbol{}
	// After an error nothing more is made of it, however long it is.
	for p.err == nil && p.rest != "" && !strings.ContainsRune("|)\r\n", rune(p.rest[0])) {
		item := p.item()
		p.blanks(nested)
		for p.err == nil && p.rest != "" && strings.ContainsRune("*+?{", rune(p.rest[0])) {
			low, high := p.times()
			if low > high && high >= 0 {
				p.wrong("a repetition of more than its most")
			}
			item = seq(p.repeat(p.rule(item), low, high))
			p.blanks(nested)
		}
		out = append(out, item...)
	}
	return out
}

// item is a literal, a class of characters, a group or another rule.
func (p *notation) item() []symbol {
	switch {
	case p.take(`"`):
		var out []byte
		for p.rest != "" && !p.take(`"`) {
			out = utf8.AppendRune(out, p.character())
		}
		return text(string(out))
	case p.take("["):
		return seq(p.class())
	case p.take("."):
		return seq(p.rule(runes(0, utf8.MaxRune)...))
	case p.take("("):
		p.blanks(true)
		rule := p.rule(p.alternatives(true)...)
		if !p.take(")") {
			p.wrong("a group has no end")
		}
		return seq(rule)
	}
	name := p.name()
	if name == "" {
		p.wrong("%.1q is not expected", p.rest)
		return nil
	}
	return seq(p.named(name))
}

// class is the characters in brackets, or with ^ all others.
func (p *notation) class() int32 {
	others := p.take("^")
	var ranges [][2]rune
	for p.rest != "" && p.rest[0] != ']' {
		low := p.character()
		high := low
		if len(p.rest) > 1 && p.rest[0] == '-' && p.rest[1] != ']' {
			p.rest = p.rest[1:]
			high = p.character()
		}
		ranges = append(ranges, [2]rune{low, high})
	}
	if !p.take("]") {
		p.wrong("a class has no end")
	}
	if others {
		ranges = complement(ranges)
	}
	out := [][]symbol{}
	for _, r := range ranges {
		out = append(out, runes(r[0], r[1])...)
	}
	return p.rule(out...)
}

func complement(ranges [][2]rune) [][2]rune {
	slices.SortFunc(ranges, func(a, b [2]rune) int { return int(a[0]) - int(b[0]) })
	var out [][2]rune
	next := rune(0)
	for _, r := range ranges {
		if r[0] > next {
			out = append(out, [2]rune{next, r[0] - 1})
		}
		next = max(next, r[1]+1)
	}
	return append(out, [2]rune{next, utf8.MaxRune})
}

// character is one character of a literal or class, or what its escape means.
func (p *notation) character() rune {
	r, n := utf8.DecodeRuneInString(p.rest)
	p.rest = p.rest[n:]
	if r != '\\' || p.rest == "" {
		return r
	}
	c := p.rest[0]
	p.rest = p.rest[1:]
	if digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]; digits > 0 && len(p.rest) >= digits {
		v, err := strconv.ParseUint(p.rest[:digits], 16, 32)
		if err == nil && v <= utf8.MaxRune {
			p.rest = p.rest[digits:]
			return rune(v)
		}
	}
	if plain, ok := map[byte]rune{'n': '\n', 't': '\t', 'r': '\r', '\\': '\\', '"': '"', '[': '[', ']': ']', '-': '-', '^': '^'}[c]; ok {
		return plain
	}
	p.wrong("unknown escape")
	return 0
}

// times is what * + ? and {low,high} mean; high -1 is without end.
func (p *notation) times() (low, high int) {
	switch {
	case p.take("*"):
		return 0, -1
	case p.take("+"):
		return 1, -1
	case p.take("?"):
		return 0, 1
	}
	inside, rest, ok := strings.Cut(p.rest[1:], "}")
	from, to, several := strings.Cut(inside, ",")
	low, err := strconv.Atoi(strings.TrimSpace(from))
	high = low
	if to = strings.TrimSpace(to); several && to == "" {
		high = -1
	} else if several && err == nil {
		high, err = strconv.Atoi(to)
	}
	if !ok || err != nil || low < 0 || high < -1 {
		p.wrong("a repetition is not of the form {1,2}")
		return 0, 0
	}
	p.rest = rest
	return low, high
}
