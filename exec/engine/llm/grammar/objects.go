package grammar

import (
	"fmt"
	"slices"
)

// objectOf is an object with the members that its schema names.
func (c *compiler) objectOf(t *tree, at string, depth int) int32 {
	properties, extra := t.member("properties"), t.member("additionalProperties")
	if properties == nil && (extra == nil || extra.scalar == true) && t.member("required") == nil {
		return c.anyObject()
	}
	if properties == nil {
		properties = &tree{kind: '{'}
	}
	if properties.kind != '{' {
		return c.wrong(at, "properties is not an object")
	}
	required, ok := names(t.member("required"))
	if !ok {
		return c.wrong(at, "required is not a list of names")
	}
	for _, name := range required {
		if properties.member(name) == nil {
			return c.wrong(at, "%.64q is required but not described", name)
		}
	}
	// Two rules for each place: first where no member was written yet.
	first, later := c.rule(nil), c.rule(nil)
	if extra != nil && extra.scalar != false {
		value := c.schema(extra, at+"/additionalProperties", depth+1)
		pairs := c.rule(c.pairs(value))
		first, later = c.rule(nil, seq(pairs)), c.rule(nil, seq(",", c.blank(), pairs))
	}
	for i := len(properties.keys) - 1; i >= 0; i-- {
		name := properties.keys[i]
		value := c.schema(properties.values[i], fmt.Sprintf("%s/properties/%.64s", at, name), depth+1)
		if c.err != nil {
			return 0
		}
		pair := c.rule(seq(c.constant(&tree{scalar: name}, at, depth), c.colon(), value, c.blank()))
		a, b := [][]symbol{seq(pair, later)}, [][]symbol{seq(",", c.blank(), pair, later)}
		if !slices.Contains(required, name) {
			a, b = append(a, seq(first)), append(b, seq(later))
		}
		first, later = c.rule(a...), c.rule(b...)
	}
	return c.rule(seq("{", c.blank(), first, "}"))
}

// names are the strings of a list; none of a list that is not there.
func names(t *tree) ([]string, bool) {
	if t == nil {
		return nil, true
	}
	var out []string
	for _, v := range t.values {
		name, ok := v.scalar.(string)
		if !ok {
			return nil, false
		}
		out = append(out, name)
	}
	return out, t.kind == '['
}

// arrayOf is an array of items of one kind, or of those that are listed.
func (c *compiler) arrayOf(t *tree, at string, depth int) int32 {
	if prefix := t.member("prefixItems"); prefix != nil {
		return c.tuple(t, prefix, at, depth)
	}
	low, high := c.size(t, "minItems", at, 0), c.size(t, "maxItems", at, -1)
	if high >= 0 && low > high {
		return c.wrong(at, "minItems is more than maxItems")
	}
	item := t.member("items")
	if item == nil {
		item = &tree{scalar: true}
	}
	if item.scalar == false {
		return c.rule(c.list(0, 0, 0))
	}
	value := c.schema(item, at+"/items", depth+1)
	if c.err != nil {
		return 0
	}
	return c.rule(c.list(value, low, high))
}

// tuple is an array of exactly the items that are listed.
func (c *compiler) tuple(t, prefix *tree, at string, depth int) int32 {
	if more := t.member("items"); more != nil && more.scalar != false {
		return c.wrong(at, "items beside prefixItems is not supported")
	}
	if prefix.kind != '[' || len(prefix.values) == 0 {
		return c.wrong(at, "prefixItems is not a list of schemas")
	}
	n := len(prefix.values)
	if low, high := c.size(t, "minItems", at, n), c.size(t, "maxItems", at, n); low != n || high != n {
		return c.wrong(at, "arrays that end within prefixItems are not supported")
	}
	out := seq("[", c.blank())
	for i, s := range prefix.values {
		if i > 0 {
			out = append(out, seq(",", c.blank())...)
		}
		out = append(out, seq(c.schema(s, fmt.Sprintf("%s/prefixItems/%d", at, i), depth+1), c.blank())...)
	}
	return c.rule(append(out, text("]")...))
}
