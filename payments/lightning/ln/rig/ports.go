package rig

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports come in blocks, from below those that systems give to outgoing
// connections, or one of these would take them in the moment before they are used.
const (
	lowPort   = 12_000
	blocks    = 1_000
	blockSize = 20 // for the chain and eight nodes
)

// ports is a block that is one rig's. Its first port is listened on for as long as
// the rig lives, so that no other rig, of another process either, takes one that a
// program has not bound yet, or has let go until it is started again.
type ports struct {
	guard     net.Listener
	next, end int
}

func newPorts() (*ports, error) {
	for tries := 0; ; tries++ {
		first := lowPort + rand.IntN(blocks)*blockSize
		guard, err := net.Listen("tcp4", loopback(first))
		if err == nil {
			return &ports{guard: guard, next: first + 1, end: first + blockSize}, nil
		}
		if tries > 100 {
			return nil, err
		}
	}
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// addresses returns such of the block as nothing listens on.
func (p *ports) addresses(count int) (out []string, err error) {
	for ; len(out) < count; p.next++ {
		if p.next == p.end {
			return nil, errors.New("rig: more programs than ports")
		}
		l, err := net.Listen("tcp4", loopback(p.next))
		if err != nil {
			continue // something else's
		}
		out = append(out, l.Addr().String())
		if err := l.Close(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p *ports) close() { _ = p.guard.Close() } // nothing was sent over it
