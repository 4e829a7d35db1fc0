package compare_test

import (
	"bytes"
	"io/fs"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"

	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/job"
)

var numberFiles = []string{"out.json", "out.jsonl", "out.csv", "out.npy", "out.safetensors", "out.f32"}

// honest is a pair of results as two machines compute them that add up in
// another order. The tensors of safetensors have 16 bits here.
func honest(n network, seed uint64, name string) (a, b [][]float64) {
	half := name == "out.safetensors"
	in := func() *rand.Rand { return rand.New(rand.NewPCG(seed, 11)) }
	return n.rows(order{1, half}, in(), 4), n.rows(order{16, half}, in(), 4)
}

// Honest machines are never blamed, and nearly always agree.
func TestNumericHonest(t *testing.T) {
	t.Parallel()
	net, runs := newNetwork(1), times(60)
	for _, name := range numberFiles {
		for _, kind := range []string{"numeric", "embedding"} {
			c, matched := comparator(t, kind), 0
			for seed := range uint64(runs) {
				a, b := honest(net, seed, name)
				o, err := c.Compare(t.Context(), one(name, encode(name, a)), one(name, encode(name, b)))
				if err != nil || o.Answer == compare.Mismatch {
					t.Fatalf("%s %s: %+v, %v", kind, name, o, err)
				}
				if o.Answer == compare.Match {
					matched++
				}
			}
			if matched < runs*95/100 {
				t.Errorf("%s %s: only %d of %d agree", kind, name, matched, runs)
			}
		}
	}
}

// faults are ways to be wrong, and what each comparator must make of them.
var faults = []struct {
	name               string
	make               func(r *rand.Rand, rows [][]float64)
	numeric, embedding []compare.Answer
}{
	{"one number", func(r *rand.Rand, rows [][]float64) { rows[1][r.IntN(units)] += 0.5 }, is(compare.Mismatch), is(compare.Mismatch, compare.Inconclusive)},
	{"one number is none", func(r *rand.Rand, rows [][]float64) { rows[1][r.IntN(units)] = math.NaN() }, is(compare.Mismatch), is(compare.Mismatch)},
	{"one row of another input", func(_ *rand.Rand, rows [][]float64) { rows[2] = rows[0] }, is(compare.Mismatch), is(compare.Mismatch)},
	{"nothing but zeros", func(_ *rand.Rand, rows [][]float64) { clear(rows[0]) }, is(compare.Mismatch), is(compare.Mismatch)},
	{"8 bits", func(_ *rand.Rand, rows [][]float64) { round(rows, 64) }, is(compare.Mismatch), is(compare.Mismatch, compare.Inconclusive, compare.Match)},
	{"4 bits", func(_ *rand.Rand, rows [][]float64) { round(rows, 4) }, is(compare.Mismatch), is(compare.Mismatch)},
	{"the opposite", func(_ *rand.Rand, rows [][]float64) { scale(rows, -1) }, is(compare.Mismatch), is(compare.Mismatch)},
	{"longer by a tenth", func(_ *rand.Rand, rows [][]float64) { scale(rows, 1.1) }, is(compare.Mismatch), is(compare.Mismatch)},
	{"rows in another order", func(_ *rand.Rand, rows [][]float64) { slices.Reverse(rows) }, is(compare.Mismatch), is(compare.Mismatch)},
}

func is(a ...compare.Answer) []compare.Answer { return a }

func round(rows [][]float64, steps float64) {
	for _, r := range rows {
		for i, v := range r {
			r[i] = math.Round(v*steps) / steps
		}
	}
}

func scale(rows [][]float64, by float64) {
	for _, r := range rows {
		for i := range r {
			r[i] *= by
		}
	}
}

func TestNumericFaults(t *testing.T) {
	t.Parallel()
	net := newNetwork(2)
	for _, name := range numberFiles {
		for _, f := range faults {
			for seed := range uint64(times(2)) {
				a, b := honest(net, seed, name)
				f.make(rand.New(rand.NewPCG(seed, 5)), b)
				raw := encode(name, b)
				if raw == nil || bytes.Contains(raw, []byte("null")) || len(raw) == 0 {
					continue // NaN has no spelling there
				}
				x, y := one(name, encode(name, a)), one(name, raw)
				for _, c := range []struct {
					kind string
					want []compare.Answer
				}{{"numeric", f.numeric}, {"embedding", f.embedding}} {
					if o := try(t, comparator(t, c.kind), x, y); !slices.Contains(c.want, o.Answer) {
						t.Errorf("%s %s, %s: %+v", c.kind, name, f.name, o)
					}
				}
			}
		}
	}
}

// A model in 16 bits is not passed off as one in 32, and who knows how close
// honest machines come can tell it from them.
func TestNumericPrecision(t *testing.T) {
	t.Parallel()
	net := newNetwork(3)
	in := func() *rand.Rand { return rand.New(rand.NewPCG(3, 3)) }
	a, b := one("x.f32", encode("x.f32", net.rows(order{1, false}, in(), 8))), one("x.f32", encode("x.f32", net.rows(order{1, true}, in(), 8)))
	want(t, comparator(t, "numeric"), a, b, compare.Inconclusive, "not close")
	p, err := compare.Calibrate(compare.Target{Comparator: "numeric", FPRppm: 100_000}, pairs(t, "numeric", 60))
	if err != nil {
		t.Fatal(err)
	}
	c, err := compare.New(job.Verify{Compare: "numeric"}, &p)
	if err != nil {
		t.Fatal(err)
	}
	want(t, c, a, b, compare.Mismatch, "far out")
}

func lines(list ...string) []byte {
	var b bytes.Buffer
	for _, l := range list {
		b.WriteString(l + "\n")
	}
	return b.Bytes()
}

func TestNumericJSON(t *testing.T) {
	t.Parallel()
	c := comparator(t, "numeric")
	for _, v := range []struct {
		a, b string
		want compare.Answer
		says string
	}{
		{`{"a":1,"b":[1.5,2]}`, ` { "b" : [1.50001, 2] , "a" : 1 }`, compare.Match, ""},
		{`{"a":1.0}`, `{"a":1}`, compare.Match, ""},
		{`[1e0]`, `[1]`, compare.Match, ""},
		{`[0]`, `[-0]`, compare.Match, ""},
		{`[0.0]`, `[-0.0]`, compare.Match, ""},
		{`["A"]`, `["\u0041"]`, compare.Match, ""},
		{`["😀"]`, `["\ud83d\ude00"]`, compare.Match, ""},
		{`[NaN]`, `[NaN ]`, compare.Match, ""},
		{`[1e999]`, `[Infinity]`, compare.Match, ""},
		{`[1e999]`, `[-Infinity]`, compare.Mismatch, "far out"},
		{`[NaN]`, `[1]`, compare.Mismatch, "far out"},
		{`[1.0]`, `[1.0005]`, compare.Inconclusive, "not close"},
		{`[1.0]`, `[1.1]`, compare.Inconclusive, "not close"},
		{`[1.0]`, `[1.2]`, compare.Mismatch, "far out"},
		{`[3]`, `[4]`, compare.Inconclusive, ""},
		{`[3]`, `[5]`, compare.Mismatch, "far out"},
		{`[9007199254740993]`, `[9007199254740992]`, compare.Inconclusive, "not close"},
		{`[12345678901]`, `[12345678999]`, compare.Mismatch, "far out"},
		{`{"a":1}`, `{"b":1}`, compare.Mismatch, "key"},
		{`{"a":1}`, `{"a":1,"b":1}`, compare.Mismatch, ""},
		{`[1,2]`, `[1]`, compare.Mismatch, "length"},
		{`[true]`, `[false]`, compare.Mismatch, "true"},
		{`[null]`, `[0]`, compare.Mismatch, ""},
		{`["1"]`, `[1]`, compare.Mismatch, "kinds"},
		{`{"a":1}`, `{"a":1,"a":1}`, compare.Mismatch, "there already"},
		{`{"a":1}`, `{"a":1,"\u0061":9}`, compare.Mismatch, "there already"},
		{`[1]`, `[1] 2`, compare.Mismatch, "more than one"},
		{`[1]`, `[1,]`, compare.Mismatch, "malformed"},
		{`[1]`, `[01]`, compare.Mismatch, "malformed"},
		{`[1]`, `[+1]`, compare.Mismatch, "malformed"},
		{`[1]`, `[1`, compare.Mismatch, "malformed"},
		{`[1]`, `[0x1]`, compare.Mismatch, "malformed"},
		{`["a"]`, "[\"a\x00\"]", compare.Mismatch, "control"},
		{`["a"]`, "[\"\xff\"]", compare.Mismatch, "UTF-8"},
		{`["a"]`, `["\ud800"]`, compare.Mismatch, "malformed"},
		{`["a"]`, `["\u00zz"]`, compare.Mismatch, "malformed"},
		{`[1]`, "\ufeff[1]", compare.Mismatch, "malformed"},
		{`[1]`, ``, compare.Mismatch, "malformed"},
		{`[1`, `[2`, compare.Inconclusive, "neither"},
	} {
		want(t, c, one("x.json", []byte(v.a)), one("x.json", []byte(v.b)), v.want, v.says)
	}
}

func TestNumericFormats(t *testing.T) {
	t.Parallel()
	c := comparator(t, "numeric")
	for _, v := range []struct {
		name string
		a, b []byte
		want compare.Answer
		says string
	}{
		{"x.jsonl", lines(`{"v":1.0}`, `{"v":2}`), lines("", ` {"v":1.00001}`, `{"v":2}`, ""), compare.Match, ""},
		{"x.jsonl", lines(`1`, `2`), lines(`1`), compare.Mismatch, "numbers of lines"},
		{"x.jsonl", lines(`1`, `2`), lines(`1`, `x`), compare.Mismatch, "line 2"},
		{"x.jsonl", lines(`warning`, `1.0`), lines(`warning`, `1.00001`), compare.Match, ""},
		{"x.jsonl", lines(`warning`, `1.0`), lines(`Warning`, `1.0`), compare.Inconclusive, "line 1"},
		{"x.csv", lines(`a,1.0,x`), lines(`"a",1.00001,x`), compare.Match, ""},
		{"x.csv", lines(`a,1.0`), lines(`b,1.0`), compare.Mismatch, `"a" and "b"`},
		{"x.csv", lines(`nan,inf,-Inf`), lines(`NaN,Infinity,-inf`), compare.Match, ""},
		{"x.csv", lines(`1.0`), lines(`nan`), compare.Mismatch, "far"},
		{"x.csv", lines(`1,2`), lines(`1`), compare.Mismatch, "cells"},
		{"x.csv", lines(`1`, `2`), lines(`1`), compare.Mismatch, "rows"},
		{"x.csv", lines(`1`), lines(`"1`), compare.Mismatch, "malformed"},
		{"x.csv", lines(`1`), lines(`1`, `"1`), compare.Mismatch, ""},
		{"x.tsv", lines("a\t1.0"), lines("a\t1.00001"), compare.Match, ""},
		{"x.f32", []byte{0, 0, 0, 0}, []byte{0, 0, 0, 0, 0, 0, 0, 0}, compare.Mismatch, "bytes"},
		{"x.f32", []byte{0, 0, 0}, []byte{0, 0, 1}, compare.Inconclusive, "whole number"},
		{"x.f32", []byte{0, 0, 0xc0, 0x7f}, []byte{1, 0, 0xc0, 0xff}, compare.Match, ""},
		{"x.f32", []byte{0, 0, 0x80, 0x3f}, []byte{0, 0, 0xc0, 0x7f}, compare.Mismatch, "far"},
		{"x.txt", []byte("1.0"), []byte("1.00001"), compare.Mismatch, "bytes"},
		{"log", []byte("a"), []byte("b"), compare.Mismatch, "differ"},
	} {
		want(t, c, one(v.name, v.a), one(v.name, v.b), v.want, v.says)
	}
}

// A few numbers out among many are excused when they are not far out.
func TestNumericShare(t *testing.T) {
	t.Parallel()
	c := comparator(t, "numeric")
	for _, v := range []struct {
		wrong int
		by    float64
		want  compare.Answer
	}{
		{2, 1.0003, compare.Match}, {3, 1.0003, compare.Inconclusive}, {1001, 1.0003, compare.Inconclusive},
		{1000, 1.05, compare.Inconclusive}, {1001, 1.05, compare.Mismatch},
		{1, 1.002, compare.Inconclusive}, {1, 2, compare.Inconclusive}, {2, 2, compare.Inconclusive}, {3, 2, compare.Mismatch},
	} {
		a := make([]float64, 20_000)
		for i := range a {
			a[i] = 1 + float64(i%7)
		}
		b := slices.Clone(a)
		for i := range v.wrong {
			b[i*19] *= v.by
		}
		enc := func(x []float64) fs.FS { return one("x.f32", encode("x.f32", [][]float64{x})) }
		if o := try(t, c, enc(a), enc(b)); o.Answer != v.want {
			t.Errorf("%d of 20,000 times %v: %+v", v.wrong, v.by, o)
		}
	}
}

// What is the same in both counts as well: one number out of many.
func TestNumericShareOfAll(t *testing.T) {
	t.Parallel()
	big := encode("big.f32", [][]float64{make([]float64, 20_000)})
	a := fstest.MapFS{"big.f32": {Data: big}, "x.json": {Data: []byte(`[1.0]`)}}
	b := fstest.MapFS{"big.f32": {Data: big}, "x.json": {Data: []byte(`[1.0003]`)}}
	want(t, comparator(t, "numeric"), a, b, compare.Match, "20001")
}
