package exectest

import (
	"context"
	"net"
	"sync"
)

// backlog is how many connections wait until they are accepted.
const backlog = 128

// pipeListener is a socket in memory. Its connections are net.Pipes: they work
// inside synctest, and hold back a writer as long as nobody reads.
type pipeListener struct {
	queue chan net.Conn
	shut  chan struct{}

	mu     sync.Mutex
	open   bool
	server map[net.Conn]struct{} // the task's ends, cut when it ends
}

func newPipeListener() *pipeListener {
	return &pipeListener{
		queue: make(chan net.Conn, backlog), shut: make(chan struct{}),
		open: true, server: map[net.Conn]struct{}{},
	}
}

// dial waits while the queue is full, as a socket does.
func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ours, theirs := net.Pipe()
	theirs = &pipeConn{Conn: theirs, l: l}
	l.mu.Lock()
	if !l.open {
		l.mu.Unlock()
		return nil, net.ErrClosed
	}
	l.server[theirs] = struct{}{}
	l.mu.Unlock()
	select {
	case l.queue <- theirs:
		return ours, nil
	case <-l.shut:
		theirs.Close()
		return nil, net.ErrClosed
	case <-ctx.Done():
		theirs.Close()
		return nil, ctx.Err()
	}
}

// Accept returns the next connection.
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case <-l.shut:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.shut:
		return nil, net.ErrClosed
	}
}

// Close refuses new connections and leaves those that were accepted alone.
func (l *pipeListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open {
		l.open = false
		close(l.shut)
	}
	return nil
}

// cut ends the listener and every connection, as the death of a process does.
func (l *pipeListener) cut() {
	_ = l.Close()
	l.mu.Lock()
	all := make([]net.Conn, 0, len(l.server))
	for c := range l.server {
		all = append(all, c)
	}
	l.mu.Unlock()
	for _, c := range all {
		c.Close()
	}
}

// Addr names no place.
func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "exectest" }

// pipeConn is the task's end of a connection.
type pipeConn struct {
	net.Conn
	l *pipeListener
}

func (c *pipeConn) Close() error {
	c.l.mu.Lock()
	delete(c.l.server, c)
	c.l.mu.Unlock()
	return c.Conn.Close()
}
