package p2p

import "errors"

var (
	// ErrConfig marks a configuration that cannot work; the text names the field.
	ErrConfig = errors.New("bad p2p configuration")
	// ErrListen is wrapped by Run when a configured address cannot be listened
	// on; the operating system's reason (syscall.EADDRINUSE, …) is wrapped too.
	ErrListen = errors.New("cannot listen")
	// ErrNotRunning answers calls that need the network before Ready or after
	// Run has returned.
	ErrNotRunning = errors.New("the host is not running")
	// ErrUnreachable is wrapped when no address of the peer could be dialled.
	ErrUnreachable = errors.New("peer is unreachable")
	// ErrUnsupported is wrapped when the peer is there but does not speak the
	// protocol.
	ErrUnsupported = errors.New("peer does not speak the protocol")
	// ErrRefused is wrapped when this host itself refuses the peer, for its
	// penalties.
	ErrRefused = errors.New("peer is refused")
	// ErrBadAddr marks a peer address that is not a multiaddr ending in
	// /p2p/ID with an ID that names an even-Y secp256k1 key.
	ErrBadAddr = errors.New("bad peer address")
)
