package p2p

import (
	"errors"
	"syscall"
)

// wsaeAddrInUse is WSAEADDRINUSE of winsock2.h.
const wsaeAddrInUse = syscall.Errno(10048)

// inUse reports whether err says that another program has the port.
func inUse(err error) bool { return errors.Is(err, wsaeAddrInUse) }
