package wire

import (
	"testing"
	"time"
)

func BenchmarkSeal(b *testing.B) {
	k, m := testKey(b, 1), samples(b)[2].msg
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Seal(k, m, epoch); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	raw := sealed(b, samples(b)[2].msg).Bytes()
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := Parse(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSyntax is Parse without id and signature.
func BenchmarkSyntax(b *testing.B) {
	raw := sealed(b, samples(b)[2].msg).Bytes()
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		p := parser{buf: raw}
		if _, err := p.unverified(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	e := sealed(b, samples(b)[2].msg)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode[Accept](e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGuard(b *testing.B) {
	g := NewGuard(1 << 16)
	now, i := epoch, 0
	b.ReportAllocs()
	for b.Loop() {
		if i++; i%1000 == 0 {
			now = now.Add(10 * time.Second)
		}
		_ = g.Check(dated(i, byte(i), now), now)
	}
}
