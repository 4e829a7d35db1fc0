//go:build !windows

package p2p

import (
	"errors"
	"syscall"
)

// inUse reports whether err says that another program has the port.
func inUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
