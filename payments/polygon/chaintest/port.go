package chaintest

import (
	"math/rand/v2"
	"net"
	"strconv"
)

// A chain's port is from below those that systems give to outgoing connections,
// or one of these could take it while the chain is down.
const (
	lowPort   = 6_000
	highPort  = 12_000
	portTries = 1000
)

// keepPort returns a port of loopback that nobody listens at, and that no other
// call in any process gets before free is called or this process ends.
func keepPort() (port int, free func(), err error) {
	for range portTries {
		port = lowPort + rand.IntN(highPort-lowPort)
		if free, err = hold(port); err == nil {
			return port, free, nil
		}
	}
	return 0, nil, err
}

// hold takes the port for UDP, of which no chain makes use: it tells others, and
// leaves the port for TCP free.
func hold(port int) (free func(), err error) {
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	held, err := net.ListenPacket("udp4", at)
	if err != nil {
		return nil, err
	}
	free = func() { _ = held.Close() }
	l, err := net.Listen("tcp4", at)
	if err != nil {
		free()
		return nil, err
	}
	return free, l.Close()
}
