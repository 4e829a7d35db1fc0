package wire

import (
	"errors"

	"infernet.tech/infernet/p2p/identity"
)

// list is one tag with a value for each element, absent when there are none.
func (c codec) list(name string, v *[]string) {
	if c.write {
		c.opt().put(name, len(*v) == 0, *v...)
	} else if s, ok := c.opt().values(name); ok {
		*v = append([]string(nil), s...)
	}
}

// ids is a list of ID.
func (c codec) ids(name string, v *[]ID) {
	mapped(c, name, v, ID.String, func(s string) (id ID, err error) { return id, parseHex(id[:], s) })
}

// pubs is a list of public keys.
func (c codec) pubs(name string, v *[]identity.PubKey) {
	mapped(c, name, v, identity.PubKey.Hex, func(s string) (identity.PubKey, error) {
		if len(s) != 64 {
			return identity.PubKey{}, errors.New("not a hex public key")
		}
		return identity.ParsePubKey(s)
	})
}

// mapped is a list whose elements have a text form.
func mapped[T any](c codec, name string, v *[]T, text func(T) string, parse func(string) (T, error)) {
	var s []string
	if c.write {
		for _, e := range *v {
			s = append(s, text(e))
		}
	}
	c.list(name, &s)
	if c.write || c.err != nil {
		return
	}
	for _, e := range s {
		t, err := parse(e)
		if err != nil {
			c.fail(name, "%v", err)
			return
		}
		*v = append(*v, t)
	}
}

// rows is one tag for each element, with the element's fields as its width
// values. It is the one shape in which a tag may occur more than once.
func rows[T any](c codec, name string, width int, v *[]T, text func(T) []string, parse func(codec, []string) T) {
	if c.write {
		for _, e := range *v {
			c.put(name, false, text(e)...)
		}
		return
	}
	for _, t := range c.tags {
		if t[0] != name || c.err != nil {
			continue
		}
		if len(t) != width+1 {
			c.fail(name, "has %d values, want %d", len(t)-1, width)
			return
		}
		*v = append(*v, parse(c, t[1:]))
	}
}

// pairs is one tag in which names and values alternate.
func (c codec) pairs(name string, v *[][2]string) {
	var flat []string
	if c.write {
		for _, p := range *v {
			flat = append(flat, p[0], p[1])
		}
	}
	c.list(name, &flat)
	if c.write {
		return
	}
	if len(flat)%2 != 0 {
		c.fail(name, "has a name without a value")
		return
	}
	for i := 0; i < len(flat); i += 2 {
		*v = append(*v, [2]string{flat[i], flat[i+1]})
	}
}
