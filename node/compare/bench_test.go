package compare_test

import (
	"math/rand/v2"
	"testing"

	"infernet.tech/infernet/node/compare"
)

// BenchmarkCompare tells what it costs to compare two results of the same numbers,
// 256 rows of 96, and pictures of 512 by 512.
func BenchmarkCompare(b *testing.B) {
	net := newNetwork(1)
	in := func() *rand.Rand { return rand.New(rand.NewPCG(1, 1)) }
	x, y := net.rows(order{1, false}, in(), 256), net.rows(order{16, false}, in(), 256)
	for _, name := range numberFiles {
		for _, kind := range byNumber {
			c, fa, fb := comparator(b, kind), encode(name, x), encode(name, y)
			b.Run(kind+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(fa)))
				for b.Loop() {
					if _, err := c.Compare(b.Context(), one(name, fa), one(name, fb)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
	m := painting(1, 512, 512)
	for _, name := range []string{"x.png", "x.jpg"} {
		c, fa, fb := comparator(b, "image"), encodeImage(b, name, m), encodeImage(b, name, grain(m, 1, 1))
		b.Run("image/"+name, func(b *testing.B) {
			for b.Loop() {
				if _, err := c.Compare(b.Context(), one(name, fa), one(name, fb)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkText tells what a token costs.
func BenchmarkText(b *testing.B) {
	test := compare.NewText(compare.Thresholds{})
	for b.Loop() {
		_ = test.Add(compare.Token{Logprob: -1, Entropy: 1.1, Varentropy: 1})
	}
}
