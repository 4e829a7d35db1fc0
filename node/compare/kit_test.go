package compare_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/job"
)

// one is a result of one file.
func one(name string, raw []byte) fs.FS { return fstest.MapFS{name: {Data: raw}} }

func comparator(t testing.TB, name string) compare.Comparator {
	t.Helper()
	c, err := compare.New(job.Verify{Compare: name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var byBytes = []string{job.CompareExact, job.CompareNumeric, job.CompareEmbedding, job.CompareImage}

// try compares both ways round, holds the outcome to what all have in common,
// and returns it.
func try(t testing.TB, c compare.Comparator, a, b fs.FS) compare.Outcome {
	t.Helper()
	x, err := c.Compare(t.Context(), a, b)
	if err != nil {
		t.Fatalf("%s: %v", c.Name(), err)
	}
	y, err := c.Compare(t.Context(), b, a)
	if err != nil {
		t.Fatalf("%s: %v", c.Name(), err)
	}
	if x.Answer != y.Answer || math.Abs(x.Score-y.Score) > 1e-9 {
		t.Errorf("%s is not symmetric: %+v, %+v", c.Name(), x, y)
	}
	if !(x.Score >= 0 && x.Score <= 1) || len(x.Why) > 400 || strings.ContainsFunc(x.Why, func(r rune) bool { return r < ' ' }) {
		t.Errorf("%s: %+v", c.Name(), x)
	}
	for _, r := range []fs.FS{a, b} {
		if o, err := c.Compare(t.Context(), r, r); err != nil || o.Answer != compare.Match {
			t.Errorf("%s: a result is not the same as itself: %+v, %v", c.Name(), o, err)
		}
	}
	return x
}

func want(t testing.TB, c compare.Comparator, a, b fs.FS, answer compare.Answer, says string) {
	t.Helper()
	if o := try(t, c, a, b); o.Answer != answer || !strings.Contains(o.Why, says) {
		t.Errorf("%s: %+v, want %s with %q", c.Name(), o, answer, says)
	}
}

// encode writes rows of numbers in the format of a file's name.
func encode(name string, rows [][]float64) []byte {
	var b bytes.Buffer
	kind := name[strings.LastIndexByte(name, '.')+1:]
	switch kind {
	case "json":
		raw, _ := json.Marshal(map[string]any{"rows": rows, "model": "m"})
		return raw
	case "jsonl":
		for i, r := range rows {
			raw, _ := json.Marshal(map[string]any{"id": fmt.Sprint("line-", i), "v": r})
			b.Write(append(raw, '\n'))
		}
		return b.Bytes()
	case "csv":
		for i, r := range rows {
			fmt.Fprintf(&b, "row %d", i)
			for _, v := range r {
				fmt.Fprintf(&b, ",%.9g", v)
			}
			b.WriteByte('\n')
		}
		return b.Bytes()
	case "npy":
		head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", len(rows), len(rows[0]))
		head += strings.Repeat(" ", 117-len(head)) + "\n"
		b.WriteString("\x93NUMPY\x01\x00")
		_ = binary.Write(&b, binary.LittleEndian, uint16(len(head)))
		b.WriteString(head)
		kind = "f32"
	case "safetensors":
		n := 2 * len(rows) * len(rows[0])
		head := fmt.Sprintf(`{"__metadata__":{"format":"pt"},"t":{"dtype":"F16","shape":[%d,%d],"data_offsets":[0,%d]}}`, len(rows), len(rows[0]), n)
		_ = binary.Write(&b, binary.LittleEndian, uint64(len(head)))
		b.WriteString(head)
		kind = "f16"
	}
	for _, r := range rows {
		for _, v := range r {
			if kind == "f16" {
				_ = binary.Write(&b, binary.LittleEndian, toHalf(v))
				continue
			}
			_ = binary.Write(&b, binary.LittleEndian, float32(v))
		}
	}
	return b.Bytes()
}

// toHalf rounds to the nearest number of 16 bits, ties to even.
func toHalf(v float64) uint16 {
	sign := uint16(0)
	if math.Signbit(v) {
		sign, v = 0x8000, -v
	}
	switch {
	case v != v:
		return sign | 0x7e00
	case v >= 65520:
		return sign | 0x7c00
	case v < 0x1p-14:
		return sign | uint16(math.RoundToEven(v*0x1p24))
	}
	frac, exp := math.Frexp(v)
	m := uint16(math.RoundToEven(frac * 2048))
	return sign | uint16(exp+14)<<10 + m - 1024
}

func fromHalf(h uint16) float64 {
	m, e := float64(h&1023), int(h>>10&31)
	v := math.Ldexp(1024+m, e-25)
	if e == 0 {
		v = math.Ldexp(m, -24)
	}
	if h&0x8000 != 0 {
		return -v
	}
	return v
}

// order is in which a machine adds up: how many partial sums it keeps, and
// whether it keeps numbers of 16 bits between layers.
type order struct {
	lanes int
	half  bool
}

// dot adds up in 32 bits.
func (o order) dot(a, b []float32) float32 {
	sums := make([]float32, o.lanes)
	for i := range a {
		sums[i%o.lanes] += a[i] * b[i]
	}
	for n := o.lanes; n > 1; n = (n + 1) / 2 {
		for i := range n / 2 {
			sums[i] += sums[n-1-i]
		}
	}
	return sums[0]
}

// network is three layers with weights of a seed.
type network struct{ layers [][][]float32 }

const units = 96

func newNetwork(seed uint64) network {
	r := rand.New(rand.NewPCG(seed, 7))
	var n network
	for range 3 {
		layer := make([][]float32, units)
		for i := range layer {
			layer[i] = make([]float32, units)
			for k := range layer[i] {
				layer[i][k] = float32(r.NormFloat64() / math.Sqrt(units) * 1.4)
			}
		}
		n.layers = append(n.layers, layer)
	}
	return n
}

// run computes one row as a machine of that order does.
func (n network) run(o order, in []float32) []float64 {
	for _, layer := range n.layers {
		next := make([]float32, units)
		for i, w := range layer {
			v := math.Tanh(float64(o.dot(w, in)))
			if o.half {
				v = fromHalf(toHalf(v))
			}
			next[i] = float32(v)
		}
		in = next
	}
	out := make([]float64, units)
	for i, v := range in {
		out[i] = float64(v)
	}
	return out
}

func (n network) rows(o order, r *rand.Rand, count int) [][]float64 {
	rows := make([][]float64, count)
	for i := range rows {
		in := make([]float32, units)
		for k := range in {
			in[k] = float32(r.NormFloat64())
		}
		rows[i] = n.run(o, in)
	}
	return rows
}
