package openai

import "bytes"

// extras are the parts of an answer that the node asked for on its own behalf,
// to count tokens, and that the client did not.
type extras struct {
	usage  bool // the client asked for the usage of a stream
	tokens bool // the client asked for token ids
}

var (
	usageName  = []byte(`"usage"`)
	tokenName  = []byte(`token_ids"`)
	choiceName = []byte(`"choices"`)
)

// trim takes out of the JSON of a stream's event what the client did not ask
// for. Where nothing is to go, the very bytes come back; drop says that the
// whole event is to go. The JSON must be valid.
func (x extras) trim(data []byte) (out []byte, drop bool) {
	ids := !x.tokens && bytes.Contains(data, tokenName)
	usage := !x.usage && bytes.Contains(data, usageName)
	if !ids && !usage {
		return data, false
	}
	var c cutter
	hasUsage, hasChoice := false, false
	c.object(data, 0, func(name []byte, from, to int) bool {
		switch {
		case ids && string(name) == `"prompt_token_ids"`:
			return true
		case usage && bytes.Equal(name, usageName):
			hasUsage = data[from] == '{'
			return true
		case bytes.Equal(name, choiceName) && data[from] == '[':
			each(data, from, func(at int) {
				hasChoice = true
				if ids && data[at] == '{' {
					c.object(data, at, func(name []byte, _, _ int) bool { return tokenField(name) })
				}
			})
		}
		return false
	})
	// The usage event has no choices; with it gone nothing is left to tell.
	if hasUsage && !hasChoice {
		return nil, true
	}
	return c.apply(data), false
}

func tokenField(name []byte) bool {
	return string(name) == `"token_ids"` || string(name) == `"prompt_token_ids"`
}

// cutter collects the members that are to go, in the order of the text.
type cutter struct{ gone [][2]int }

// object calls fn with the members of the object at data[i], the name with its
// quotes, and marks those for which it says true, each with one comma.
func (c *cutter) object(data []byte, i int, fn func(name []byte, from, to int) bool) {
	i = blank(data, i+1)
	kept := false // a member before this one stays, so the comma before it goes
	comma := -1
	for i < len(data) && data[i] == '"' {
		start := i
		end := value(data, i)
		from := blank(data, blank(data, end)+1)
		if from >= len(data) {
			return // no JSON
		}
		to := value(data, from)
		next := blank(data, to)
		last := next >= len(data) || data[next] != ','
		switch {
		case !fn(data[start:end], from, to):
			kept = true
		case kept:
			c.add(comma, to)
		case last:
			c.add(start, to)
		default:
			c.add(start, blank(data, next+1))
		}
		if last {
			return
		}
		comma, i = next, blank(data, next+1)
	}
}

// add keeps the ranges sorted: those of an inner object come before the rest
// of the outer one is known.
func (c *cutter) add(from, to int) { c.gone = append(c.gone, [2]int{from, to}) }

func (c *cutter) apply(data []byte) []byte {
	if len(c.gone) == 0 {
		return data
	}
	out := make([]byte, 0, len(data))
	at := 0
	for _, g := range c.gone {
		out = append(out, data[at:g[0]]...)
		at = g[1]
	}
	return append(out, data[at:]...)
}

// each calls fn with the place of each element of the list at data[i].
func each(data []byte, i int, fn func(at int)) {
	i = blank(data, i+1)
	for i < len(data) && data[i] != ']' {
		fn(i)
		end := value(data, i)
		if end == i {
			return
		}
		i = blank(data, end)
		if i < len(data) && data[i] == ',' {
			i = blank(data, i+1)
		}
	}
}

func blank(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r') {
		i++
	}
	return i
}

// value is the place after the value that begins at data[i].
func value(data []byte, i int) int {
	depth := 0
	for i < len(data) {
		switch data[i] {
		case '"':
			i = quoted(data, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
			if depth == 0 {
				return i + 1
			}
		case ',', ':', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}

// quoted is the place after the string that begins at data[i].
func quoted(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}
