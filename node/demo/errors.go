package demo

import "errors"

// ErrFailed: the demo ran to its end, and something was not as it should be;
// Summary.Problems says what.
var ErrFailed = errors.New("demo: not everything went as it should")

// ErrBusy: too many demos run on this machine.
var ErrBusy = errors.New("demo: too many demos run at once")

// ErrUnsafeDir: the demo's folder belongs to somebody else, or others can
// write to it.
var ErrUnsafeDir = errors.New("demo: folder is not safe to use")
