package compare

import (
	"context"
	"fmt"
	"io/fs"
	"math"
)

// Numeric are the thresholds of the numeric comparator. Two numbers are close
// when |a-b| <= Abs + Rel*max(|a|,|b|); numbers of 16 bits have their own. What
// is not close is out. What is beyond an eighth of Far tolerances is well out,
// and beyond all of them far out; for numbers of 16 bits Far is 8 at most.
// Integers are close when equal, out by one, and far out beyond.
//
// A match has at most a share Share of numbers out, none beyond 8 tolerances and
// no integer that differs. A mismatch has more than Share far out, or more than
// MaxShare well out and at least four.
type Numeric struct {
	Abs, Rel         float64
	AbsHalf, RelHalf float64
	Far              float64 // rounded up to a power of two
	Share, MaxShare  float64
}

// DefaultNumeric holds for results computed in 32 bits on machines of one class.
// Far leaves room: nobody is blamed whose program computes in 16 bits and writes
// 32. A profile knows better.
func DefaultNumeric() Numeric {
	return Numeric{Abs: 1e-5, Rel: 1e-4, AbsHalf: 1e-3, RelHalf: 1e-2, Far: 1024, Share: 1e-4, MaxShare: 0.05}
}

const (
	minOut  = 4  // numbers well out that a mismatch needs when none is far out
	farBins = 3  // from well out to far out, as a power of two
	bins    = 64 // of a histogram of distances, in powers of two
	zeroBin = 24 // that of distances from a half to one tolerance
	tooFar  = bins - 1
)

// distances is a sink that counts how far numbers are from each other.
type distances struct {
	t     Numeric
	count uint64
	hist  [half + 1][bins]uint64 // by tolerances: up to 2^(i-zeroBin) of them
	out   uint64                 // integers that differ by one
	far   uint64                 // by more
}

func (d *distances) number(a, b float64, w width) {
	d.count++
	d.hist[w][d.bin(a, b, w)]++
}

// bin is 0 for equal numbers, and for two that are none.
func (d *distances) bin(a, b float64, w width) int {
	switch {
	case a == b || a != a && b != b:
		return 0
	case a != a || b != b || math.IsInf(a, 0) || math.IsInf(b, 0):
		return tooFar
	}
	abs, rel := d.t.Abs, d.t.Rel
	if w == half {
		abs, rel = d.t.AbsHalf, d.t.RelHalf
	}
	return bin(math.Abs(a-b) / (abs + rel*max(math.Abs(a), math.Abs(b))))
}

// bin is the one of a histogram in powers of two: zeroBin from a half to one.
func bin(ratio float64) int {
	switch {
	case ratio == 0:
		return 0
	case !(ratio <= math.MaxFloat64):
		return tooFar
	}
	frac, exp := math.Frexp(ratio)
	if frac == 0.5 {
		exp-- // exactly a power of two: up to it
	}
	return min(max(exp+zeroBin, 0), tooFar)
}

func (d *distances) whole(a, b float64, same bool) {
	d.count++
	switch {
	case same:
	case math.Abs(a-b) <= 1:
		d.out++
	default:
		d.far++
	}
}

func (*distances) open()  {}
func (*distances) close() {}

// outside counts numbers beyond the tolerance.
type outside struct{ out, beyond8, well, far uint64 }

// counted counts with tolerances of 2^scale times those measured with, and with
// another Far.
func (d *distances) counted(scale int, far float64) outside {
	o := outside{out: d.out + d.far, beyond8: d.out + d.far, well: d.far, far: d.far}
	for w := range d.hist {
		span := bin(far) - zeroBin
		if width(w) == half {
			span = min(span, farBins)
		}
		for i := max(zeroBin+scale+1, 1); i < bins; i++ {
			n, at := d.hist[w][i], i-zeroBin-scale
			if i == tooFar {
				at = bins
			}
			o.out += n
			if at > farBins {
				o.beyond8 += n
			}
			if at > span-farBins {
				o.well += n
			}
			if at > span {
				o.far += n
			}
		}
	}
	return o
}

// judge decides as counted counts.
func (d *distances) judge(scale int, span float64) Outcome {
	if d.count == 0 {
		return Outcome{Answer: Match, Score: 1, Why: "the same, without any number"}
	}
	n := d.counted(scale, span)
	all := float64(d.count)
	o := Outcome{Answer: Inconclusive, Score: 1 - float64(n.out)/all}
	o.Why = fmt.Sprintf("of %d numbers %d are not close, %d of them far out", d.count, n.out, n.far)
	switch {
	case n.beyond8 == 0 && float64(n.out) <= d.t.Share*all:
		o.Answer = Match
	case float64(n.far) > d.t.Share*all || n.well >= minOut && float64(n.well) > d.t.MaxShare*all:
		o.Answer = Mismatch
	}
	return o
}

// numeric compares numbers within tolerances.
type numeric struct{ t Numeric }

// NewNumeric makes the numeric comparator. Errors: ErrProfile.
func NewNumeric(t Numeric) (Comparator, error) {
	if err := t.validate(); err != nil {
		return nil, err
	}
	return numeric{t: t}, nil
}

func (numeric) Name() string { return "numeric" }

func (n numeric) Compare(ctx context.Context, a, b fs.FS) (Outcome, error) {
	d := distances{t: n.t}
	err := each(ctx, a, b, func(f file) error { return numbers(ctx, f, &d) })
	if o, done, err := conclude(err); done {
		return o, err
	}
	return d.judge(0, n.t.Far), nil
}
