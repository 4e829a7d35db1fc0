package compare_test

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/wire"
)

// fuzzFile holds what a comparator says of any two files of a name to what all
// comparators promise: no panic, symmetry, and that equal bytes match.
func fuzzFile(f *testing.F, name string, kinds []string, seeds ...[]byte) {
	for i, s := range seeds {
		f.Add(s, seeds[(i+1)%len(seeds)])
		f.Add(s, s)
	}
	var list []compare.Comparator
	for _, k := range kinds {
		list = append(list, comparator(f, k))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for _, c := range list {
			try(t, c, one(name, a), one(name, b))
		}
	})
}

var byNumber = []string{"numeric", "embedding"}

func FuzzJSON(f *testing.F) {
	fuzzFile(f, "x.json", byNumber, []byte(`{"a":[1,2.5,-3e4,NaN],"b":"x\u0041","c":null}`), []byte(`{"b":"xA","a":[1,2,3,4],"c":true}`),
		[]byte(`[[[1,2],[3,4]],{}]`), []byte(`"\ud83d\ude00"`), []byte(`[1`), []byte(`{"a":1,"a":2}`), []byte(`-Infinity`))
}

func FuzzLines(f *testing.F) {
	fuzzFile(f, "x.jsonl", byNumber, []byte("{\"v\":[1,2]}\n{\"v\":[3,4]}\n"), []byte("\n\n1\r\n2"), []byte("x\n1\n"))
}

func FuzzCSV(f *testing.F) {
	fuzzFile(f, "x.csv", byNumber, []byte("a,1,2.5\nb,nan,\"3\"\n"), []byte("\"a\nb\",1"), []byte("1,2\r\n\r\n3"), []byte(`"`))
}

func FuzzNPY(f *testing.F) {
	raw := encode("x.npy", [][]float64{{1, 2, 3}, {4, 5, 6}})
	other := encode("x.npy", [][]float64{{1, 2, 3}, {4, math.NaN(), 7}})
	fuzzFile(f, "x.npy", byNumber, raw, other, raw[:20], []byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"))
}

func FuzzSafetensors(f *testing.F) {
	raw := encode("x.safetensors", [][]float64{{1, 2, 3}, {4, 5, 6}})
	fuzzFile(f, "x.safetensors", byNumber, raw, encode("x.safetensors", [][]float64{{1, 2, 3}, {4, 5, math.Inf(1)}}), raw[:30],
		append(binary.LittleEndian.AppendUint64(nil, 2), "{}"...))
}

func FuzzRaw(f *testing.F) {
	fuzzFile(f, "x.f16", byNumber, []byte{0, 0, 0, 0x3c}, []byte{0, 0x7c, 0, 0xfe}, []byte{1})
}

func FuzzBytes(f *testing.F) {
	fuzzFile(f, "x.txt", byBytes, []byte("a"), []byte("b"), nil)
}

func FuzzPNG(f *testing.F) {
	m := painting(1, 9, 9)
	raw := encodeImage(f, "x.png", m)
	fuzzFile(f, "x.png", []string{job.CompareImage}, raw, encodeImage(f, "x.png", grain(m, 1, 2)), chunk(raw, "eXIf", []byte("x")), raw[:50])
}

func FuzzJPEG(f *testing.F) {
	m := painting(1, 9, 9)
	raw := encodeImage(f, "x.jpg", m)
	fuzzFile(f, "x.jpg", []string{job.CompareImage}, raw, encodeImage(f, "x.jpg", grain(m, 1, 2)), raw[:50])
}

func FuzzGIF(f *testing.F) {
	m := painting(1, 9, 9)
	raw := encodeImage(f, "x.gif", m)
	fuzzFile(f, "x.gif", []string{job.CompareImage}, raw, encodeImage(f, "x.gif", painting(2, 9, 9)), raw[:50])
}

// FuzzNames gives two results of two files names of a provider's choice.
func FuzzNames(f *testing.F) {
	f.Add("a.json", "b/c.csv", "a.json", "b", []byte("[1]"))
	f.Add("../x", "/y", strings.Repeat("n", 256), "x\x00y", []byte("a"))
	f.Add("a\\b", "CON", "\xff", ".", []byte{})
	f.Fuzz(func(t *testing.T, a1, a2, b1, b2 string, raw []byte) {
		a, b := fstest.MapFS{a1: {Data: raw}, a2: {Data: raw}}, fstest.MapFS{b1: {Data: raw}, b2: {Data: raw}}
		for _, kind := range byBytes {
			c := comparator(t, kind)
			x, err := c.Compare(t.Context(), a, b)
			y, errY := c.Compare(t.Context(), b, a)
			if err != nil || errY != nil || x.Answer != y.Answer || len(x.Why) > 400 || strings.ContainsFunc(x.Why, func(r rune) bool { return r < ' ' }) {
				t.Errorf("%s: %+v, %v; %+v, %v", kind, x, err, y, errY)
			}
		}
	})
}

// FuzzText takes 25 bytes for a token.
func FuzzText(f *testing.F) {
	f.Add(make([]byte, 250))
	f.Fuzz(func(t *testing.T, raw []byte) {
		test := compare.NewText(compare.Thresholds{})
		number := func(i int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(raw[i:])) }
		for ; len(raw) >= 25; raw = raw[25:] {
			tok := compare.Token{Logprob: number(0), Entropy: number(8), Varentropy: number(16), Outside: raw[24]&1 != 0, Greedy: raw[24]&2 != 0}
			tok.TopGap, tok.Rank = number(0), int(raw[24]>>2)
			_ = test.Add(tok)
		}
		a, s := test.Decide()
		for _, v := range []float64{s.Drift, s.Z, s.Against, s.For} {
			if math.IsNaN(v) {
				t.Errorf("%+v", s)
			}
		}
		if a == compare.Match && s.For < math.Log(100) || a != compare.Mismatch && s.Against > math.Log(1e4) {
			t.Errorf("%s: %+v", a, s)
		}
	})
}

func FuzzProfile(f *testing.F) {
	k := key(f)
	s, err := compare.Sign(k, wire.Profile{Comparator: "text", N: 100, FPRppm: 30_000, Thresholds: map[string]string{"flip": "0.01"}}, time.Unix(1_700_000_000, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.Bytes(), "flip", "0.01")
	f.Add([]byte("{}"), "rel", "1e-3")
	f.Fuzz(func(t *testing.T, raw []byte, name, value string) {
		if p, err := compare.Load(raw, ""); err == nil && compare.Verify(p.Profile) != nil {
			t.Error("read, and not good")
		}
		for _, kind := range byBytes {
			p := wire.Profile{Comparator: kind, N: 1, FPRppm: 1_000_000, Thresholds: map[string]string{name: value}}
			if compare.Verify(p) != nil {
				continue
			}
			c, err := compare.New(job.Verify{Compare: kind}, &p)
			if err != nil {
				t.Fatal(err)
			}
			try(t, c, one("x.json", []byte(`[1.0,2.0]`)), one("x.json", []byte(`[1.1,2.0]`)))
		}
	})
}
