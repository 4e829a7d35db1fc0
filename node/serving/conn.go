package serving

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// headerTime is how long a request's header may take to come.
const headerTime = 30 * time.Second

// strangerRest is how long a connection may rest that was opened by a client
// without a lease: there are only so many streams.
const strangerRest = 5 * time.Second

// headerSlop is what net/http reads beyond its limit before it gives up.
const headerSlop = 4 << 10

// ServeConn serves one kept-alive HTTP/1.1 connection; its peer is the author
// of every request on it. It returns when the connection ends, and no request
// of it is under way any more.
func (s *Server) ServeConn(ctx context.Context, st *p2p.Stream) {
	s.serveConn(ctx, st.Peer(), p2p.Conn(st))
}

func (s *Server) serveConn(ctx context.Context, peer identity.PubKey, conn net.Conn) {
	t, err := s.hold(peer)
	if err != nil {
		s.Log.Warn("connection refused", "peer", peer.Short(), "err", err)
		_ = conn.Close()
		return
	}
	defer s.release(t)
	one := &oneConn{conn: conn, ended: make(chan struct{})}
	rest := s.cfg.KeepAlive
	if !t.leased(s.Now()) {
		rest = strangerRest
	}
	srv := &http.Server{
		Handler:           handler{s, t, ctx.Done()},
		ReadHeaderTimeout: min(headerTime, rest), IdleTimeout: rest,
		MaxHeaderBytes: max(s.cfg.MaxHeader-headerSlop, 1<<10),
		ErrorLog:       log.New(io.Discard, "", 0), // what strangers send is no news
		BaseContext:    func(net.Listener) context.Context { return ctx },
		ConnState:      one.state,
	}
	// Server.Close would wait for the listener, which waits for the connection.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	_ = srv.Serve(one)
}

// oneConn is a listener of one connection, which ends with it.
type oneConn struct {
	conn  net.Conn
	given bool
	once  sync.Once
	ended chan struct{}
}

// Accept returns the connection, and io.EOF once it was served.
func (l *oneConn) Accept() (net.Conn, error) {
	if !l.given {
		l.given = true
		return l.conn, nil
	}
	<-l.ended
	return nil, io.EOF
}

// state is told the last state after the last handler has returned.
func (l *oneConn) state(_ net.Conn, st http.ConnState) {
	if st == http.StateClosed || st == http.StateHijacked {
		l.once.Do(func() { close(l.ended) })
	}
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }

// handler answers the requests of one client.
type handler struct {
	s    *Server
	t    *tenant
	stop <-chan struct{} // closed when it is this node that ends the connection
}

// left reports whether a request ended because its client went away.
func (h handler) left(r *http.Request) bool {
	select {
	case <-h.stop:
		return false
	default:
		return r.Context().Err() != nil
	}
}

// leaseOf returns the lease that a request names.
func leaseOf(h http.Header) (wire.ID, bool) {
	id, err := wire.ParseID(h.Get(HeaderLease))
	return id, err == nil && !id.IsZero()
}
