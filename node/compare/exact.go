package compare

import (
	"context"
	"io/fs"
)

// exact wants the same files with the same bytes.
type exact struct{}

func (exact) Name() string { return "exact" }

func (exact) Compare(ctx context.Context, a, b fs.FS) (Outcome, error) {
	err := each(ctx, a, b, func(f file) error { return equal(ctx, f) })
	if o, done, err := conclude(err); done {
		return o, err
	}
	return Outcome{Answer: Match, Score: 1, Why: "the same bytes"}, nil
}

// equal is the rule for files of a kind that a comparator does not know.
func equal(ctx context.Context, f file) error {
	if f.sizeA != f.sizeB {
		return differ("one has %d bytes, the other %d", min(f.sizeA, f.sizeB), max(f.sizeA, f.sizeB))
	}
	same, err := f.same(ctx)
	if err == nil && !same {
		err = differ("the bytes differ")
	}
	return err
}
