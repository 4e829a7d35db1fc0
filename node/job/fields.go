package job

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// field reads the value of one key. key is its full name, as "split.size".
type field func(key string, n *yaml.Node)

func (d *decoder) spec(n *yaml.Node, s *Spec) {
	d.mapping(n, "", map[string]field{
		"name": d.text(&s.Name),
		"kind": d.text(&s.Kind),
		"task": d.sub(map[string]field{
			"image": d.placed(&s.Task.Image, &s.Task.At),
			"args":  d.texts(&s.Task.Args),
			"env":   d.env(&s.Task.Env),
			"seed":  d.number(&s.Task.Seed),
		}),
		"model":      d.placed(&s.Model, &s.ModelAt),
		"inputs":     d.inputs(&s.Inputs),
		"aggregator": d.npub(&s.Aggregator),
		"split": d.sub(map[string]field{
			"by": d.text(&s.Split.By), "size": d.positive(&s.Split.Size),
		}),
		"merge": d.sub(map[string]field{"by": d.text(&s.Merge.By)}),
		"resources": d.sub(map[string]field{
			"cpu":    d.cpu(&s.Resources.CPUMillis),
			"memory": d.bytes(&s.Resources.MemoryBytes),
			"disk":   d.bytes(&s.Resources.DiskBytes),
			"pids":   d.positive(&s.Resources.PIDs),
			"gpu":    d.small(&s.Resources.GPUs),
			"vram":   d.bytes(&s.Resources.VRAMBytes),
		}),
		"verify": d.sub(map[string]field{
			"mode": d.text(&s.Verify.Mode), "replicas": d.positive(&s.Verify.Replicas),
			"agree": d.positive(&s.Verify.Agree), "compare": d.text(&s.Verify.Compare),
			"rate": d.share(&s.Verify.Rate), "profile": d.text(&s.Verify.Profile),
			"image": d.text(&s.Verify.Image), "validators": d.npubs(&s.Verify.Validators),
		}),
		"payment": d.sub(map[string]field{
			"rail": d.text(&s.Payment.Rail), "max": d.amount(&s.Payment.Max), "wait": d.flag(&s.Payment.Wait),
		}),
		"timeouts": d.sub(map[string]field{
			"shard": d.duration(&s.Timeouts.Shard),
			"fetch": d.duration(&s.Timeouts.Fetch),
			"job":   d.duration(&s.Timeouts.Job),
		}),
		"max_in_flight": d.positive(&s.MaxInFlight),
	})
}

// mapping reads the keys of a mapping, refusing unknown and repeated ones.
func (d *decoder) mapping(n *yaml.Node, prefix string, fields map[string]field) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, strings.TrimSuffix(prefix, "."), "key: value pairs")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		key := prefix + k.Value
		f, known := fields[k.Value]
		switch line, again := seen[k.Value]; {
		case again:
			d.bad(k, key, fmt.Sprintf(twice+", first in line %d", line), "remove one")
			continue
		case !known || k.Kind != yaml.ScalarNode:
			d.unknown(k, prefix, fields)
			continue
		}
		seen[k.Value] = k.Line
		d.places[key] = Place{Line: v.Line, Col: v.Column}
		if v.Kind == yaml.ScalarNode && v.Tag == "!!null" {
			d.bad(v, key, "no value", "leave the key out for its default")
			continue
		}
		f(key, v)
	}
}

func (d *decoder) unknown(k *yaml.Node, prefix string, fields map[string]field) {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	sort.Strings(names)
	hint := "known: " + strings.Join(names, ", ")
	if near := nearest(k.Value, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	key := prefix + k.Value
	if len(key) > 60 {
		key = key[:60]
	}
	d.bad(k, strings.ToValidUTF8(key, "?"), "unknown key", hint)
}

// wrong says what kind of value was found where another was wanted.
func (d *decoder) wrong(n *yaml.Node, key, want string) {
	have := "text"
	switch {
	case n.Kind == yaml.AliasNode:
		d.bad(n, key, "aliases are not read", "write the value out")
		return
	case n.Kind == yaml.MappingNode:
		have = "key: value pairs"
	case n.Kind == yaml.SequenceNode:
		have = "a list"
	case n.Tag != "!!str":
		have = fmt.Sprintf("%.40q", n.Value)
	}
	d.bad(n, key, have+" where "+want+" is wanted", "")
}

func (d *decoder) sub(fields map[string]field) field {
	return func(key string, n *yaml.Node) { d.mapping(n, key+".", fields) }
}

func (d *decoder) text(to *string) field {
	return func(key string, n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
			d.wrong(n, key, "text")
			return
		}
		if n.Value == "" {
			d.bad(n, key, "empty", "leave the key out for its default")
		}
		*to = n.Value
	}
}

func (d *decoder) placed(to *string, at *Place) field {
	read := d.text(to)
	return func(key string, n *yaml.Node) {
		read(key, n)
		*at = Place{Line: n.Line, Col: n.Column}
	}
}

func (d *decoder) texts(to *[]string) field {
	return func(key string, n *yaml.Node) {
		if n.Kind != yaml.SequenceNode {
			d.wrong(n, key, "a list")
			return
		}
		for i, c := range n.Content {
			item := fmt.Sprintf("%s[%d]", key, i)
			d.places[item] = Place{Line: c.Line, Col: c.Column}
			if c.Kind != yaml.ScalarNode || c.Tag == "!!null" {
				d.wrong(c, item, "text")
				continue
			}
			*to = append(*to, c.Value) // an argument 4 or true is its own spelling
		}
	}
}

func (d *decoder) env(to *[][2]string) field {
	return func(key string, n *yaml.Node) {
		fields := map[string]field{}
		if n.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(n.Content); i += 2 {
				name := n.Content[i].Value
				fields[name] = func(key string, v *yaml.Node) {
					if v.Kind != yaml.ScalarNode {
						d.wrong(v, key, "text")
						return
					}
					*to = append(*to, [2]string{name, v.Value})
				}
			}
		}
		d.mapping(n, key+".", fields)
		slices.SortFunc(*to, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	}
}

func (d *decoder) inputs(to *[]SpecInput) field {
	return func(key string, n *yaml.Node) {
		if n.Kind != yaml.SequenceNode {
			d.wrong(n, key, "a list")
			return
		}
		for i, c := range n.Content {
			in := SpecInput{At: Place{Line: c.Line, Col: c.Column}}
			item := fmt.Sprintf("%s[%d]", key, i)
			d.places[item] = in.At
			d.mapping(c, item+".", map[string]field{
				"path": d.placed(&in.Path, &in.At), "cid": d.placed(&in.CID, &in.At),
			})
			*to = append(*to, in)
		}
	}
}

func (d *decoder) npub(to *identity.PubKey) field {
	return func(key string, n *yaml.Node) {
		p, err := identity.ParsePubKey(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			d.bad(n, key, fmt.Sprintf("%.70q is no npub", n.Value), "infernet status on that node prints it: npub1…")
			return
		}
		*to = p
	}
}

func (d *decoder) npubs(to *[]identity.PubKey) field {
	return func(key string, n *yaml.Node) {
		if n.Kind != yaml.SequenceNode {
			d.wrong(n, key, "a list")
			return
		}
		for i, c := range n.Content {
			var p identity.PubKey
			item := fmt.Sprintf("%s[%d]", key, i)
			d.places[item] = Place{Line: c.Line, Col: c.Column}
			if d.npub(&p)(item, c); !p.IsZero() {
				*to = append(*to, p)
			}
		}
	}
}

// flag is true or false.
func (d *decoder) flag(to *bool) field {
	return func(key string, n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Decode(to) != nil {
			d.wrong(n, key, "true or false")
		}
	}
}

// amount reads "500 sat" or "0.25 USDC"; digits alone are credits.
func (d *decoder) amount(to *payments.Amount) field {
	return func(key string, n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && n.Tag == "!!int" {
			var v uint64
			d.number(&v)(key, n)
			*to = payments.Amount{Value: v, Unit: payments.Credits}
			return
		}
		a, err := payments.ParseHuman(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			d.bad(n, key, fmt.Sprintf("%.40q is no amount", n.Value), "write 100 for credits, or 500 sat, or 0.25 USDC")
			return
		}
		*to = a
	}
}

func (d *decoder) duration(to *time.Duration) field {
	return func(key string, n *yaml.Node) {
		v, err := time.ParseDuration(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || v <= 0 {
			d.bad(n, key, fmt.Sprintf("%.40q is no duration", n.Value), "write it with its unit: 90s, 10m, 2h")
			return
		}
		*to = v
	}
}
