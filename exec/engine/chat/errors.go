package chat

import "errors"

// ErrUnknown means that a template is of no kind known here, or that no
// layout has the name asked for.
var ErrUnknown = errors.New("unknown chat template")
