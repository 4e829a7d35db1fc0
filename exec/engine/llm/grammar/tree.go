package grammar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// tree is a JSON value whose members keep their order: a model is to write
// them as the schema names them.
type tree struct {
	scalar any  // string, json.Number, bool or nil
	kind   byte // '{', '[' or 0
	keys   []string
	values []*tree // of keys, or items
}

// member is the value of a key, nil where there is none.
func (t *tree) member(key string) *tree {
	for i, k := range t.keys {
		if k == key {
			return t.values[i]
		}
	}
	return nil
}

func parseTree(raw []byte) (*tree, error) {
	if len(raw) > maxSchema {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrLimit, maxSchema)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	t, err := parseValue(dec, 0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows it", ErrSchema)
	}
	return t, nil
}

func parseValue(dec *json.Decoder, depth int) (*tree, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: deeper than %d", ErrLimit, maxDepth)
	}
	token, err := dec.Token()
	if err != nil {
		return nil, fmt.Errorf("%w: not JSON", ErrSchema)
	}
	open, ok := token.(json.Delim)
	if !ok {
		return &tree{scalar: token}, nil
	}
	t := &tree{kind: byte(open)}
	for dec.More() {
		if t.kind == '{' {
			key, err := dec.Token()
			if err != nil {
				return nil, fmt.Errorf("%w: not JSON", ErrSchema)
			}
			if t.member(key.(string)) != nil {
				return nil, fmt.Errorf("%w: %.64q is there twice", ErrSchema, key)
			}
			if len(t.keys) >= maxMembers {
				return nil, fmt.Errorf("%w: an object of more than %d members", ErrLimit, maxMembers)
			}
			t.keys = append(t.keys, key.(string))
		}
		v, err := parseValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		t.values = append(t.values, v)
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("%w: not JSON", ErrSchema)
	}
	return t, nil
}

// write is the value as JSON, without white space.
func (t *tree) write(out *bytes.Buffer) {
	if t.kind == 0 {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(t.scalar)
		out.Truncate(out.Len() - 1)
		return
	}
	out.WriteByte(t.kind)
	for i, v := range t.values {
		if i > 0 {
			out.WriteByte(',')
		}
		if t.kind == '{' {
			(&tree{scalar: t.keys[i]}).write(out)
			out.WriteByte(':')
		}
		v.write(out)
	}
	out.WriteByte(t.kind + 2) // the closing bracket, in ASCII
}
