package compare

import (
	"context"
	"fmt"
	"io/fs"
	"slices"

	"infernet.tech/infernet/node/job"
)

// Sample is what was measured of one honest pair of results, or of one honest
// answer replayed. Calibrate makes thresholds of many.
type Sample struct {
	comparator string
	done       bool // outcome holds whatever the thresholds
	outcome    Outcome
	far        *distances
	rows       *cosines
	like       *likeness
	tokens     []Token
}

// Measure compares two honest results without deciding. A pair that differs
// beyond any threshold is a sample as well, and a false alarm. Errors: ErrUnknown,
// ErrReplay, ErrRunner, those of reading.
func Measure(ctx context.Context, comparator string, a, b fs.FS) (Sample, error) {
	s := Sample{comparator: comparator}
	c, err := New(job.Verify{Compare: comparator}, nil)
	if err != nil {
		return s, err
	}
	switch c := c.(type) {
	case numeric:
		s.far = &distances{t: c.t}
		err = each(ctx, a, b, func(f file) error { return numbers(ctx, f, s.far) })
	case embedding:
		s.rows = c.measure()
		err = each(ctx, a, b, func(f file) error { return numbers(ctx, f, s.rows) })
	case pictures:
		s.like = &likeness{ssim: 1, cell: 1}
		err = each(ctx, a, b, func(f file) error { return look(ctx, f, s.like) })
	default:
		s.outcome, err = c.Compare(ctx, a, b)
		s.done = true
		return s, err
	}
	s.outcome, s.done, err = conclude(err)
	return s, err
}

// Replayed is a sample of an honest answer that was replayed. Errors: ErrToken.
func Replayed(tokens []Token) (Sample, error) {
	for i, tok := range tokens {
		if err := tok.check(); err != nil {
			return Sample{}, fmt.Errorf("token %d: %w", i, err)
		}
	}
	return Sample{comparator: job.CompareText, tokens: slices.Clone(tokens)}, nil
}

// chosen are thresholds that were picked for samples.
type chosen struct {
	scale    int // of numeric and embedding, as a power of two
	image    Image
	text     Thresholds
	settings map[string]string
}

// judge decides on a sample with these thresholds.
func (s Sample) judge(c chosen) Answer {
	switch {
	case s.done:
		return s.outcome.Answer
	case s.far != nil:
		return s.far.judge(c.scale, strict).Answer
	case s.rows != nil:
		return s.rows.judge(c.scale).Answer
	case s.like != nil:
		return s.like.judge(c.image).Answer
	}
	t := NewText(c.text)
	for _, tok := range s.tokens {
		_ = t.Add(tok) // checked by Replayed
	}
	a, _ := t.Decide()
	return a
}
