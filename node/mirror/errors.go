package mirror

import "errors"

var (
	// ErrUnknown says that a name or digest stands for nothing that can be had.
	ErrUnknown = errors.New("mirror: no such image")
	// ErrListen says that an address would be open to other machines.
	ErrListen = errors.New("mirror: not an address of this machine alone")
	// errWrong says that bytes are not those of their digest.
	errWrong = errors.New("mirror: bytes do not have their digest")
)
