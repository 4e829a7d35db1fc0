package openai

import "errors"

var (
	// ErrEventTooLong: an event is longer than the reader's limit.
	ErrEventTooLong = errors.New("server-sent event is too long")
	// ErrNotObject: a body is not one JSON object.
	ErrNotObject = errors.New("not a JSON object")
)
