package compare

import (
	"context"
	"io/fs"
)

// Answer is what a comparison comes to.
type Answer string

// The answers.
const (
	Match        Answer = "match"
	Mismatch     Answer = "mismatch"     // not both can be honest
	Inconclusive Answer = "inconclusive" // nothing follows from it
)

// Outcome is an answer with its grounds. Score is from 0, nothing in common, to
// 1, equal. Why is a sentence for people, of at most 400 bytes; what it takes from a
// result is quoted.
type Outcome struct {
	Answer Answer
	Score  float64
	Why    string
}

// Comparator compares two results. It is symmetric: a and b may change places.
// The error is that of reading, of ctx or of a runner, and blames nobody; what is
// wrong with a result is in the Outcome.
type Comparator interface {
	Name() string
	Compare(ctx context.Context, a, b fs.FS) (Outcome, error)
}
