package tokens

import "errors"

var (
	// ErrUnsupported says that the vocabulary is of a kind that cannot be
	// counted exactly here.
	ErrUnsupported = errors.New("tokenizer of a kind that is not supported")
	// ErrMalformed says that the vocabulary contradicts itself.
	ErrMalformed = errors.New("malformed vocabulary")
	// ErrTooLong says that a text is longer than MaxText, or would take too long
	// with the special tokens of this vocabulary.
	ErrTooLong = errors.New("text too long to tokenize")
)
