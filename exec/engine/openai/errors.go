package openai

import "errors"

// ErrEventTooLong: an event is longer than the reader's limit.
var ErrEventTooLong = errors.New("openai: server-sent event is too long")

// ErrNotObject: a text is not one JSON object.
var ErrNotObject = errors.New("openai: not a JSON object")

// ErrTwice: a member is in an object twice.
var ErrTwice = errors.New("openai: a member is given twice")
