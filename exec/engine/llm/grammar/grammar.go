package grammar

import "errors"

var (
	// ErrSchema: the schema is none, or asks for what cannot be kept to. The
	// text says where.
	ErrSchema = errors.New("unsupported schema")
	// ErrGrammar: the text is no grammar. It says where.
	ErrGrammar = errors.New("unsupported grammar")
	// ErrLimit: the schema or grammar is too large or too deep.
	ErrLimit = errors.New("schema exceeds the limits")
)

// Bounds of a schema and of what is made of it.
const (
	maxSchema  = 256 << 10 // bytes
	maxDepth   = 32
	maxMembers = 1000 // of one object
	maxSymbols = 200_000
	maxRepeat  = 1000 // of one thing in a row, where a number is given
)

// symbol is one place of a rule: a byte from low to high, or another rule.
type symbol struct {
	rule      int32 // -1: a byte
	low, high byte
}

// Grammar is a set of rules over bytes; an answer follows rule start. It does
// not change once it is made, and may be shared.
type Grammar struct {
	rules [][][]symbol // of each rule its alternatives
	start int32
}

// builder collects rules. It counts what it makes and notes the first error.
type builder struct {
	rules   [][][]symbol
	symbols int
	err     error

	space, char, str, number, integer, value, object, array int32 // 0 until they are needed
}

// newBuilder keeps rule 0 for the empty text.
func newBuilder() *builder { return &builder{rules: [][][]symbol{{{}}}} }

// rule adds a rule of alternatives and returns its number.
func (b *builder) rule(alternatives ...[]symbol) int32 {
	id := b.reserve()
	b.set(id, alternatives...)
	return id
}

// reserve makes a rule that is set later, so that rules can be recursive.
func (b *builder) reserve() int32 {
	b.rules = append(b.rules, nil)
	b.count(1)
	return int32(len(b.rules) - 1)
}

func (b *builder) set(id int32, alternatives ...[]symbol) {
	for _, a := range alternatives {
		b.count(len(a) + 1)
	}
	b.rules[id] = alternatives
}

func (b *builder) count(n int) {
	if b.symbols += n; b.symbols > maxSymbols && b.err == nil {
		b.err = ErrLimit
	}
}

func (b *builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

func within(low, high byte) symbol { return symbol{-1, low, high} }
func ref(rule int32) symbol        { return symbol{rule: rule} }

// text is the bytes of s.
func text(s string) []symbol {
	out := make([]symbol, len(s))
	for i := range len(s) {
		out[i] = within(s[i], s[i])
	}
	return out
}

// seq is parts one after another.
func seq(parts ...any) []symbol {
	var out []symbol
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			out = append(out, text(p)...)
		case int32:
			out = append(out, ref(p))
		case symbol:
			out = append(out, p)
		case []symbol:
			out = append(out, p...)
		}
	}
	return out
}

// repeat is item from min to max times, max -1 without end. Its rules recurse
// on the right only, which costs no depth when an answer is followed.
func (b *builder) repeat(item int32, min, max int) int32 {
	if min > maxRepeat || max > maxRepeat {
		b.fail(ErrLimit)
		return 0
	}
	var tail int32
	if max < 0 {
		tail = b.reserve()
		b.set(tail, seq(item, tail), nil)
	}
	for range max - min {
		if b.err != nil {
			return 0
		}
		tail = b.rule(seq(item, tail), nil)
	}
	for range min {
		if b.err != nil {
			return 0
		}
		tail = b.rule(seq(item, tail))
	}
	return tail
}
