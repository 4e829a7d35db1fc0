package grammar

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// bytewise is a vocabulary of all bytes, a few words, and an end.
func bytewise() (v *Vocabulary, end int) {
	pieces := make([]string, 256)
	for i := range pieces {
		pieces[i] = string([]byte{byte(i)})
	}
	pieces = append(pieces, `{"`, `":`, `", "`, "true", "fal", "null", "12", "é", "", "<end>")
	ends := make([]bool, len(pieces))
	ends[len(pieces)-1] = true
	return NewVocabulary(pieces, ends), len(pieces) - 1
}

// takes says whether a grammar takes a whole text.
func takes(t *testing.T, g *Grammar, s string) bool {
	t.Helper()
	v, _ := bytewise()
	m, err := g.Start(v)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(s) {
		if !m.Allows(int(s[i])) {
			return false
		}
		m.Accept(int(s[i]))
	}
	return m.Complete()
}

const person = `{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"},
	"tags":{"type":"array","items":{"enum":["a","b",3]},"maxItems":2},"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["name","next"]}`

func TestSchema(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		schema  string
		yes, no []string
	}{
		{person,
			[]string{`{"name":"x","next":null}`, `{ "name": "é\n\"", "age": -12, "tags": ["a", 3], "next": {"name":"","next":null}}`},
			[]string{`{"name":"x"}`, `{"next":null,"name":"x"}`, `{"name":"x","tags":["a","a","a"],"next":null}`, `{"name":"x","next":null,"more":1}`, `{"name":"` + "\n" + `","next":null}`, `{"name":1,"next":null}`, ``}},
		{`{"type":"string","pattern":"^[A-Z]{2}-\\d+$"}`, []string{`"AB-1"`, `"XY-123"`}, []string{`"AB-"`, `"ab-1"`, `"ABC-1"`}},
		{`{"pattern":"b+"}`, []string{`"abc"`, `"b"`, `"bbbb"`}, []string{`"ac"`, `""`}},
		{`{"type":"string","pattern":"^[\"\\\\]$"}`, []string{`"\""`, `"\\"`}, []string{`"""`, `"x"`}},
		{`{"type":"string","minLength":2,"maxLength":3}`, []string{`"ab"`, `"äöü"`, `"\u00e4\n"`}, []string{`"a"`, `"abcd"`, `"\ud800a"`, "\"\xffa\"", "\"\xed\xa0\x80a\""}},
		{`{"type":"string","format":"date"}`, []string{`"2026-11-21"`}, []string{`"2026-13-21"`, `"today"`}},
		{`{"type":["integer","null"]}`, []string{`0`, `-7`, `null`}, []string{`01`, `1.5`, `"1"`, `-`}},
		{`{"type":"number"}`, []string{`0.5`, `-1e+9`, `3`}, []string{`.5`, `1.`, `+1`}},
		{`{"type":"integer","minimum":3,"maximum":1205}`, []string{"3", "9", "10", "999", "1199", "1200", "1205"}, []string{"2", "0", "1206", "1210", "2000", "-5", "03"}},
		{`{"type":"integer","exclusiveMinimum":-12,"exclusiveMaximum":1}`, []string{"-11", "-9", "-1", "0"}, []string{"-12", "1", "-0", "-20"}},
		{`{"type":"integer","minimum":0}`, []string{"0", "12345678"}, []string{"-1"}},
		{`{"type":"number","minimum":0}`, []string{"0.5", "1e3"}, []string{"-1"}},
		{`{"const":{"a":[1,"x"]}}`, []string{`{"a":[1,"x"]}`}, []string{`{}`}},
		{`{"prefixItems":[{"type":"boolean"},{"type":"null"}]}`, []string{`[true,null]`, `[ false, null ]`}, []string{`[true]`, `[true,null,1]`}},
		{`{"type":"object","additionalProperties":{"type":"integer"}}`, []string{`{}`, `{"a":1}`, `{"a":1, "b":2}`}, []string{`{"a":"b"}`, `{"a":1,}`}},
		{`{"type":"array","items":{"type":"integer"},"minItems":1}`, []string{`[1]`, `[1,2,3,4]`}, []string{`[]`, `[1,]`}},
		{`{}`, []string{`{"a":[{},[],1e5,"x",null]}`, `[]`, `"x"`}, []string{`{a:1}`, `nul`}},
		{`{"$ref":"#/$defs/a","$defs":{"a":{"allOf":[{"type":"boolean"}]}}}`, []string{`true`}, []string{`1`}},
	} {
		g, err := Schema([]byte(tc.schema))
		if err != nil {
			t.Errorf("%s: %v", tc.schema, err)
			continue
		}
		for _, s := range tc.yes {
			if !takes(t, g, s) {
				t.Errorf("%s refuses %s", tc.schema, s)
			}
		}
		for _, s := range tc.no {
			if takes(t, g, s) {
				t.Errorf("%s takes %s", tc.schema, s)
			}
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"items":`, 40) + `{}` + strings.Repeat(`}`, 40)
	for schema, want := range map[string]error{
		`[]`: ErrSchema, `{`: ErrSchema, `{} {}`: ErrSchema, `"x"`: ErrSchema, `{"a":1,"a":2}`: ErrSchema,
		`{"type":"thing"}`: ErrSchema, `{"type":7}`: ErrSchema, `{"type":[]}`: ErrSchema, `{"enum":[]}`: ErrSchema, `{"anyOf":[]}`: ErrSchema,
		`{"$ref":"http://x/y"}`: ErrSchema, `{"$ref":"#/nowhere"}`: ErrSchema, `{"$ref":7}`: ErrSchema,
		`{"type":"integer","minimum":3,"maximum":2}`: ErrSchema, `{"type":"integer","minimum":0.5}`: ErrSchema, `{"type":"number","maximum":3}`: ErrSchema, `{"minimum":3}`: ErrSchema,
		`{"not":{}}`: ErrSchema, `{"allOf":[{},{}]}`: ErrSchema,
		`{"type":"object","properties":7}`: ErrSchema, `{"type":"object","properties":{},"required":["x"]}`: ErrSchema,
		`{"type":"string","pattern":"("}`: ErrSchema, `{"type":"string","pattern":"a\\b"}`: ErrSchema, `{"type":"string","pattern":7}`: ErrSchema,
		`{"type":"string","minLength":3,"maxLength":2}`: ErrSchema, `{"type":"array","minItems":-1}`: ErrSchema,
		`{"type":"array","maxItems":1000000}`: ErrLimit, deep: ErrLimit,
		`{"x":"` + strings.Repeat("x", maxSchema) + `"}`:           ErrLimit,
		`{"type":"string","pattern":"^((a{100}){100}){100}$"}`:     ErrSchema,
		`{"enum":["` + strings.Repeat("x", maxSymbols) + `","y"]}`: ErrLimit,
	} {
		if _, err := Schema([]byte(schema)); !errors.Is(err, want) {
			t.Errorf("%.80s: %v, want %v", schema, err, want)
		}
	}
}

func TestDecimals(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		low := rnd.Int64N(1500)
		high := low + rnd.Int64N(1500)
		b := newBuilder()
		g := &Grammar{start: b.rule(decimals(low, high)...)}
		g.rules = b.rules
		for range 50 {
			if n := rnd.Int64N(3200); takes(t, g, strconv.FormatInt(n, 10)) != (low <= n && n <= high) {
				t.Fatalf("from %d to %d: %d", low, high, n)
			}
		}
	}
}

// TestWalk writes what a grammar allows, at random, and reads it as JSON.
func TestWalk(t *testing.T) {
	t.Parallel()
	v, end := bytewise()
	any, err := Schema([]byte(person))
	if err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]*Grammar{"JSON": JSON(), "person": any} {
		for seed := range uint64(60) {
			text, done := write(t, g, v, end, rand.New(rand.NewPCG(seed, 1)))
			if done && !json.Valid([]byte(text)) {
				t.Errorf("%s, seed %d: %q", name, seed, text)
			}
		}
	}
}

// write takes random allowed tokens, and leans to the end after some.
func write(t *testing.T, g *Grammar, v *Vocabulary, end int, rnd *rand.Rand) (string, bool) {
	t.Helper()
	m, err := g.Start(v)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for n := range 4000 {
		logits := make([]float32, len(v.pieces))
		m.Mask(logits)
		var allowed []int
		for token, l := range logits {
			if masked := l != 0; masked == m.Allows(token) {
				t.Fatalf("after %q: token %q is masked %v, allowed %v", out.String(), v.pieces[token], masked, !masked)
			}
			if l == 0 {
				allowed = append(allowed, token)
			}
		}
		if len(allowed) == 0 {
			t.Fatalf("after %q nothing is allowed (%v)", out.String(), m.Err())
		}
		token := allowed[rnd.IntN(len(allowed))]
		if n > 200 {
			for _, closing := range []int{end, '}', ']', '"'} {
				if m.Allows(closing) {
					token = closing
					break
				}
			}
		}
		if token == end {
			return out.String(), true
		}
		m.Accept(token)
		out.WriteString(v.pieces[token])
	}
	return out.String(), false
}

// TestAmbiguous follows forms that could be read in very many ways: it must
// end soon, whichever way.
func TestAmbiguous(t *testing.T) {
	t.Parallel()
	v, _ := bytewise()
	for _, pattern := range []string{`^(a?){200}$`, `^((a?){60}){60}$`, `^(a|a|aa)*(a|b|ab)*(a*)*$`, `^((a*)*)*b$`, `(.*a){10}(.*b){10}`} {
		raw, _ := json.Marshal(map[string]string{"type": "string", "pattern": pattern})
		g, err := Schema(raw)
		if err != nil {
			continue
		}
		m, err := g.Start(v)
		if err != nil {
			continue
		}
		m.Accept('"')
		for range 3000 {
			if m.Err() != nil || !m.Allows('a') {
				break
			}
			m.Accept('a')
		}
		if m.f.work > m.f.budget+maxVisits {
			t.Errorf("%s: %d places looked at", pattern, m.f.work)
		}
	}
}

func TestLongAnswersForget(t *testing.T) {
	t.Parallel()
	g, err := Schema([]byte(`{"type":"array","items":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]},"maxItems":1000}`))
	if err != nil {
		t.Fatal(err)
	}
	if text := "[" + strings.Repeat(`{"n":12345}, `, 999) + `{"n":1}]`; !takes(t, g, text) {
		t.Error("an array of the most items is refused")
	}
	if text := "[" + strings.Repeat(`{"n":12345}, `, 1000) + `{"n":1}]`; takes(t, g, text) {
		t.Error("one item too many is taken")
	}
}

func FuzzSchema(f *testing.F) {
	f.Add([]byte(person), []byte(`{"name":"x"`))
	f.Add([]byte(`{"type":"string","pattern":"^(a|b?)*$"}`), []byte(`"ab`))
	f.Fuzz(func(t *testing.T, schema, answer []byte) {
		g, err := Schema(schema)
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
