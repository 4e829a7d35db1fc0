package grammar

import (
	"encoding/json"
	"regexp/syntax"
	"unicode"
)

// maxPattern is the most bytes of a regular expression.
const maxPattern = 1024

// formats are the formats of strings that are kept to; others only describe.
func formats() map[string]string {
	const (
		date = `\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])`
		time = `([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)`
		hex  = `[0-9a-fA-F]`
	)
	return map[string]string{
		"date": "^" + date + "$", "time": "^" + time + "$", "date-time": "^" + date + "T" + time + "$",
		"uuid": "^" + hex + "{8}-" + hex + "{4}-" + hex + "{4}-" + hex + "{4}-" + hex + "{12}$",
	}
}

// stringOf is a string as its schema describes it.
func (c *compiler) stringOf(t *tree, at string) int32 {
	low, high := c.size(t, "minLength", at, 0), c.size(t, "maxLength", at, -1)
	if high >= 0 && low > high {
		return c.wrong(at, "minLength is more than maxLength")
	}
	pattern := t.member("pattern")
	if pattern == nil {
		if format := t.member("format"); format != nil {
			if name, ok := format.scalar.(string); ok && formats()[name] != "" {
				pattern = &tree{scalar: formats()[name]}
			}
		}
	} else if low > 0 || high >= 0 {
		return c.wrong(at, "pattern beside minLength or maxLength is not supported")
	}
	if pattern == nil {
		return c.rule(seq(`"`, c.repeat(c.character(), low, high), `"`))
	}
	source, ok := pattern.scalar.(string)
	if !ok || len(source) > maxPattern {
		return c.wrong(at, "pattern is not a text of at most %d bytes", maxPattern)
	}
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return c.wrong(at, "pattern: %v", err)
	}
	return c.rule(seq(`"`, c.anchored(re, at), `"`))
}

// anchored is a pattern that may match anywhere, unless it says where.
func (c *compiler) anchored(re *syntax.Regexp, at string) []symbol {
	parts := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		parts = re.Sub
	}
	anything := c.repeat(c.character(), 0, -1)
	before, after := ref(anything), ref(anything)
	if len(parts) > 0 && parts[0].Op == syntax.OpBeginText {
		before, parts = ref(0), parts[1:]
	}
	if n := len(parts); n > 0 && parts[n-1].Op == syntax.OpEndText {
		after, parts = ref(0), parts[:n-1]
	}
	out := []symbol{before}
	for _, p := range parts {
		out = append(out, ref(c.pattern(p, at)))
	}
	return append(out, after)
}

// pattern is the rule of a part of a regular expression.
func (c *compiler) pattern(re *syntax.Regexp, at string) int32 {
	if c.err != nil {
		return 0
	}
	switch re.Op {
	case syntax.OpEmptyMatch:
		return 0
	case syntax.OpLiteral:
		var out []symbol
		for _, r := range re.Rune {
			class := []rune{r, r}
			if re.Flags&syntax.FoldCase != 0 {
				for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
					class = append(class, f, f)
				}
			}
			out = append(out, ref(c.class(class)))
		}
		return c.rule(out)
	case syntax.OpCharClass:
		return c.class(re.Rune)
	case syntax.OpAnyChar:
		return c.class([]rune{0, unicode.MaxRune})
	case syntax.OpAnyCharNotNL:
		return c.class([]rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune})
	case syntax.OpCapture:
		return c.pattern(re.Sub[0], at)
	case syntax.OpStar:
		return c.repeat(c.pattern(re.Sub[0], at), 0, -1)
	case syntax.OpPlus:
		return c.repeat(c.pattern(re.Sub[0], at), 1, -1)
	case syntax.OpQuest:
		return c.repeat(c.pattern(re.Sub[0], at), 0, 1)
	case syntax.OpRepeat:
		return c.repeat(c.pattern(re.Sub[0], at), re.Min, re.Max)
	case syntax.OpConcat:
		var out []symbol
		for _, sub := range re.Sub {
			out = append(out, ref(c.pattern(sub, at)))
		}
		return c.rule(out)
	case syntax.OpAlternate:
		var out [][]symbol
		for _, sub := range re.Sub {
			out = append(out, seq(c.pattern(sub, at)))
		}
		return c.rule(out...)
	}
	return c.wrong(at, "pattern: %.40q is not supported", re.String())
}

// class is a character out of ranges (pairs of first and last), as it stands
// in a JSON string.
func (c *compiler) class(ranges []rune) int32 {
	var out [][]symbol
	add := func(low, high rune) {
		if low <= high {
			out = append(out, runes(low, high)...)
		}
	}
	for i := 0; i+1 < len(ranges); i += 2 {
		low, high := ranges[i], ranges[i+1]
		for _, r := range "\n\t\r\"\\" {
			if low <= r && r <= high {
				escaped, _ := json.Marshal(string(r))
				out = append(out, text(string(escaped[1:len(escaped)-1])))
			}
		}
		// Control characters have to be escaped: the others are not used.
		low = max(low, 0x20)
		add(low, min(high, '"'-1))
		add(max(low, '"'+1), min(high, '\\'-1))
		add(max(low, '\\'+1), high)
	}
	if len(out) == 0 {
		c.fail(ErrSchema)
	}
	return c.rule(out...)
}
