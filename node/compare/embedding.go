package compare

import (
	"context"
	"fmt"
	"io/fs"
	"math"
)

// Embedding are the thresholds of the embedding comparator, which takes each list
// of two or more numbers for a row: the last axis of a tensor, the innermost list
// of JSON, the numbers of a CSV record, the whole of a raw file. Distances are
// 1 - cos(a,b), from 0 to 2; that of two rows whose lengths differ by more than
// the share Length counts as 2, for a cosine does not see it.
//
// A match has no row beyond Row and a mean within Mean. A mismatch has a mean or
// a share MaxShare of the rows beyond eight times that. Numbers outside of rows
// are compared as by the numeric comparator.
type Embedding struct {
	Row, Mean float64
	Length    float64
	MaxShare  float64
	Numeric
}

// DefaultEmbedding holds for the same weights in 16 bits.
func DefaultEmbedding() Embedding {
	return Embedding{Row: 5e-4, Mean: 2e-4, Length: 0.02, MaxShare: 0.05, Numeric: DefaultNumeric()}
}

// cosines is a sink that measures rows.
type cosines struct {
	t     Embedding
	stack []row
	rows  uint64
	sum   float64      // of distances
	hist  [bins]uint64 // of distances, in powers of two of Row
	worst float64
	loose distances
}

// row is a list that is not closed yet.
type row struct {
	n            int
	aa, bb, ab   float64
	broken       bool // no direction in one, and another or none in the other
	lastA, lastB float64
	kind         kind
}

// kind is how a pair of numbers came in.
type kind struct {
	width       width
	whole, same bool
}

func (c *cosines) number(a, b float64, w width) { c.take(a, b, kind{width: w}) }

func (c *cosines) whole(a, b float64, same bool) { c.take(a, b, kind{whole: true, same: same}) }

// hugest is a number whose square can still be added to.
const hugest = 1e100

func (c *cosines) take(a, b float64, k kind) {
	if len(c.stack) == 0 {
		c.single(a, b, k)
		return
	}
	r := &c.stack[len(c.stack)-1]
	r.n++
	r.lastA, r.lastB, r.kind = a, b, k
	if math.Abs(a) <= hugest && math.Abs(b) <= hugest {
		r.aa += a * a
		r.bb += b * b
		r.ab += a * b
		return
	}
	// NaN, infinite or as good as that: the same in both, or no direction.
	r.broken = r.broken || a != b && (a == a || b == b)
}

func (c *cosines) single(a, b float64, k kind) {
	if k.whole {
		c.loose.whole(a, b, k.same)
		return
	}
	c.loose.number(a, b, k.width)
}

func (c *cosines) open() { c.stack = append(c.stack, row{}) }

func (c *cosines) close() {
	r := c.stack[len(c.stack)-1]
	c.stack = c.stack[:len(c.stack)-1]
	switch r.n {
	case 0:
	case 1:
		c.single(r.lastA, r.lastB, r.kind)
	default:
		d := r.distance(c.t.Length)
		c.rows++
		c.sum += d
		c.worst = max(c.worst, d)
		c.hist[bin(d/c.t.Row)]++
	}
}

func (r row) distance(length float64) float64 {
	a, b := math.Sqrt(r.aa), math.Sqrt(r.bb)
	switch {
	case r.broken || math.Abs(a-b) > length*max(a, b):
		return 2
	case a == 0 || b == 0:
		return 0 // both are: their lengths do not differ
	}
	return min(max(1-r.ab/(a*b), 0), 2)
}

// judge decides with limits 2^scale times those measured with.
func (c *cosines) judge(scale int) Outcome {
	o := c.loose.judge(0, c.t.Far)
	if c.rows == 0 || o.Answer == Mismatch {
		return o
	}
	all, limit := float64(c.rows), math.Ldexp(1, scale)
	mean := c.sum / all
	var far uint64
	for i := min(max(zeroBin+scale+farBins+1, 1), tooFar); i < bins; i++ {
		far += c.hist[i]
	}
	why := fmt.Sprintf("%d rows, cosine %.6f in the mean and %.6f in the worst", c.rows, 1-mean, 1-c.worst)
	if o.Answer != Match {
		return Outcome{Answer: o.Answer, Score: o.Score, Why: why + "; beside them " + o.Why}
	}
	o = Outcome{Answer: Inconclusive, Score: max(0, 1-mean), Why: why}
	switch {
	case c.worst <= c.t.Row*limit && mean <= c.t.Mean*limit:
		o.Answer = Match
	case mean > 8*c.t.Mean*limit || float64(far) > c.t.MaxShare*all:
		o.Answer = Mismatch
	}
	return o
}

// embedding compares rows by their direction.
type embedding struct{ t Embedding }

// NewEmbedding makes the embedding comparator. Errors: ErrProfile.
func NewEmbedding(t Embedding) (Comparator, error) {
	if err := t.validate(); err != nil {
		return nil, err
	}
	return embedding{t: t}, nil
}

func (embedding) Name() string { return "embedding" }

func (e embedding) Compare(ctx context.Context, a, b fs.FS) (Outcome, error) {
	c := e.measure()
	err := each(ctx, a, b, func(f file) error { return numbers(ctx, f, c) })
	if o, done, err := conclude(err); done {
		return o, err
	}
	return c.judge(0), nil
}

func (e embedding) measure() *cosines {
	return &cosines{t: e.t, loose: distances{t: e.t.Numeric}}
}
