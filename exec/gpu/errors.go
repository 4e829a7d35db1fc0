package gpu

import "errors"

// ErrBusy: the GPUs asked for are with other tenants.
var ErrBusy = errors.New("gpu: busy")

// ErrNoGPU: this machine has no such GPU, or not so many, or they are out of
// use; waiting does not help.
var ErrNoGPU = errors.New("gpu: no such gpu")

// ErrRequest: the text of a Request or of a Filter cannot be read.
var ErrRequest = errors.New("gpu: bad request")

// ErrDirty: a GPU could not be wiped and stays out of use.
var ErrDirty = errors.New("gpu: not wiped")

// ErrDriver: the driver, its device nodes or its libraries are missing or do
// not fit each other.
var ErrDriver = errors.New("gpu: driver incomplete")

// ErrNoCommand: a tool of the driver is not installed.
var ErrNoCommand = errors.New("gpu: command not found")

// ErrTooMuch: a file or a command gave more bytes than it can mean to.
var ErrTooMuch = errors.New("gpu: too much text")
