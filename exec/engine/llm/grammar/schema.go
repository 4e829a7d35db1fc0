package grammar

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Schema is the grammar of JSON that follows a JSON schema. Members come in
// the schema's order, those that are not required may be left out, and others
// are there only where additionalProperties says so. Errors: ErrSchema,
// ErrLimit.
func Schema(raw []byte) (*Grammar, error) {
	root, err := parseTree(raw)
	if err != nil {
		return nil, err
	}
	c := compiler{builder: newBuilder(), root: root, refs: map[string]int32{}}
	start := c.schema(root, "#", 0)
	if c.err != nil {
		return nil, c.err
	}
	return &Grammar{c.rules, start}, nil
}

// compiler makes rules of a schema.
type compiler struct {
	*builder
	root *tree
	refs map[string]int32
}

// refused are keywords that narrow what is allowed in ways that are not kept
// to. Keywords that are neither known nor here only describe.
var refused = []string{
	"not", "if", "then", "else", "patternProperties", "propertyNames", "minProperties", "maxProperties",
	"dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties", "unevaluatedItems",
	"contains", "minContains", "maxContains", "uniqueItems", "multipleOf", "additionalItems",
	"$dynamicRef", "$recursiveRef",
}

// wrong notes a fault of the schema at a place.
func (c *compiler) wrong(at, format string, args ...any) int32 {
	c.fail(fmt.Errorf("%w: %.200s: %s", ErrSchema, at, fmt.Sprintf(format, args...)))
	return 0
}

// schema is the rule of one schema, 0 after an error.
func (c *compiler) schema(t *tree, at string, depth int) int32 {
	if c.err != nil {
		return 0
	}
	if depth > maxDepth {
		c.fail(ErrLimit)
		return 0
	}
	if t.scalar == true {
		return c.anyValue()
	}
	if t.kind != '{' {
		return c.wrong(at, "is not an object")
	}
	for _, key := range t.keys {
		if slices.Contains(refused, key) && !c.harmless(t, key) {
			return c.wrong(at, "%s is not supported", key)
		}
	}
	for _, k := range []struct {
		key  string
		rule func(*tree, string, int) int32
	}{{"$ref", c.reference}, {"const", c.constant}, {"enum", c.enum}, {"anyOf", c.union}, {"oneOf", c.union}, {"allOf", c.all}} {
		v := t.member(k.key)
		if v == nil {
			continue
		}
		if strings.HasSuffix(k.key, "Of") && c.structured(t) {
			return c.wrong(at, "%s beside properties or items is not supported", k.key)
		}
		return k.rule(v, at+"/"+k.key, depth+1)
	}
	return c.typed(t, at, depth)
}

// harmless says whether a refused keyword narrows nothing as it stands.
func (c *compiler) harmless(t *tree, key string) bool {
	v := t.member(key)
	return key == "uniqueItems" && v.scalar == false
}

// structured says whether a schema describes members or items itself.
func (c *compiler) structured(t *tree) bool {
	return t.member("properties") != nil || t.member("items") != nil || t.member("prefixItems") != nil
}

// reference follows a pointer within the schema, as #/$defs/name.
func (c *compiler) reference(v *tree, at string, depth int) int32 {
	pointer, ok := v.scalar.(string)
	if !ok || pointer != "#" && !strings.HasPrefix(pointer, "#/") {
		return c.wrong(at, "only references within the schema are supported")
	}
	if rule, ok := c.refs[pointer]; ok {
		return rule
	}
	target := c.root
	for _, key := range strings.Split(pointer, "/")[1:] {
		key = strings.NewReplacer("~1", "/", "~0", "~").Replace(key)
		if target = target.member(key); target == nil {
			return c.wrong(at, "%.100q is not there", pointer)
		}
	}
	rule := c.reserve()
	c.refs[pointer] = rule
	c.set(rule, seq(c.schema(target, pointer, depth)))
	return rule
}

func (c *compiler) constant(v *tree, _ string, _ int) int32 {
	var out bytes.Buffer
	v.write(&out)
	return c.rule(text(out.String()))
}

func (c *compiler) enum(v *tree, at string, depth int) int32 {
	if v.kind != '[' || len(v.values) == 0 {
		return c.wrong(at, "is not a list of values")
	}
	var alternatives [][]symbol
	for _, value := range v.values {
		alternatives = append(alternatives, seq(c.constant(value, at, depth)))
	}
	return c.rule(alternatives...)
}

func (c *compiler) union(v *tree, at string, depth int) int32 {
	if v.kind != '[' || len(v.values) == 0 {
		return c.wrong(at, "is not a list of schemas")
	}
	var alternatives [][]symbol
	for i, s := range v.values {
		alternatives = append(alternatives, seq(c.schema(s, fmt.Sprintf("%s/%d", at, i), depth)))
	}
	return c.rule(alternatives...)
}

// all of one schema is that schema; of several it would be their meeting.
func (c *compiler) all(v *tree, at string, depth int) int32 {
	if v.kind != '[' || len(v.values) != 1 {
		return c.wrong(at, "only one schema is supported here")
	}
	return c.schema(v.values[0], at+"/0", depth)
}

// typed is the rule of a schema by its type, or by what it has.
func (c *compiler) typed(t *tree, at string, depth int) int32 {
	kind := t.member("type")
	switch {
	case kind == nil && (t.member("properties") != nil || t.member("additionalProperties") != nil):
		return c.objectOf(t, at, depth)
	case kind == nil && (t.member("items") != nil || t.member("prefixItems") != nil):
		return c.arrayOf(t, at, depth)
	case kind == nil && (t.member("pattern") != nil || t.member("minLength") != nil || t.member("maxLength") != nil):
		return c.stringOf(t, at)
	case kind == nil && bounded(t):
		return c.wrong(at, "bounds without a type are not supported")
	case kind == nil:
		return c.anyValue()
	case kind.kind == '[' && len(kind.values) > 0:
		var alternatives [][]symbol
		for _, one := range kind.values {
			alternatives = append(alternatives, seq(c.ofType(one, t, at, depth)))
		}
		return c.rule(alternatives...)
	}
	return c.ofType(kind, t, at, depth)
}

func (c *compiler) ofType(kind, t *tree, at string, depth int) int32 {
	switch kind.scalar {
	case "object":
		return c.objectOf(t, at, depth)
	case "array":
		return c.arrayOf(t, at, depth)
	case "string":
		return c.stringOf(t, at)
	case "number":
		return c.numberOf(t, at)
	case "integer":
		return c.integerOf(t, at)
	case "boolean":
		return c.rule(text("true"), text("false"))
	case "null":
		return c.rule(text("null"))
	}
	return c.wrong(at, "type is none of object, array, string, number, integer, boolean and null")
}

// size is a whole number of the schema, or otherwise where it says nothing.
func (c *compiler) size(t *tree, key, at string, otherwise int) int {
	v := t.member(key)
	if v == nil {
		return otherwise
	}
	number, ok := v.scalar.(json.Number)
	if !ok {
		c.wrong(at, "%s is not a number", key)
		return 0
	}
	n, err := number.Int64()
	switch {
	case err != nil || n < 0:
		c.wrong(at, "%s is not a whole number", key)
		return 0
	case n > maxRepeat:
		c.fail(fmt.Errorf("%w: %.200s: %s is more than %d", ErrLimit, at, key, maxRepeat))
		return 0
	}
	return int(n)
}
