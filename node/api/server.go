package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Server answers the local API for one node. Called by node.
type Server struct {
	cfg   Config
	b     Backends
	log   *slog.Logger
	token atomic.Value // string, from Run on
	addr  atomic.Value // string, once listening
	ready chan struct{}
	turn  sync.Mutex // one rotation at a time
	act   activity
}

// NewServer checks the configuration. It opens nothing.
func NewServer(cfg Config, b Backends, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if b.Node == nil || b.Jobs == nil || b.Results == nil || b.Content == nil || b.Market == nil || b.Money == nil {
		return nil, errors.New("api: a backend is missing")
	}
	return &Server{cfg: cfg, b: b, log: log, ready: make(chan struct{})}, nil
}

// Ready is closed once the API answers and api.json is written.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr is the host:port listened on; "" before Ready.
func (s *Server) Addr() string {
	a, _ := s.addr.Load().(string)
	return a
}

// Token is the secret that requests must carry; "" before Ready.
func (s *Server) Token() string {
	t, _ := s.token.Load().(string)
	return t
}

// rotate replaces the token; whoever has the old one is refused from now on.
func (s *Server) rotate() (File, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	token, err := RotateToken(s.cfg.Home)
	if err != nil {
		return File{}, err
	}
	s.token.Store(token)
	f := File{Addr: s.Addr(), Token: token, PID: os.Getpid()}
	return f, f.write(s.cfg.Home)
}

// Run serves until ctx ends, then lets running requests finish for a moment.
// It removes api.json on its way out. It must be called once.
func (s *Server) Run(ctx context.Context) error {
	token, err := LoadToken(s.cfg.Home)
	if err != nil {
		return fmt.Errorf("api: %w", err)
	}
	s.token.Store(token)
	ln, err := s.listen()
	if err != nil {
		return fmt.Errorf("api: listen: %w", err)
	}
	s.addr.Store(ln.Addr().String())
	s.act.touch()
	f := File{Addr: ln.Addr().String(), Token: token, PID: os.Getpid()}
	if err := f.write(s.cfg.Home); err != nil {
		return errors.Join(err, ln.Close())
	}
	defer f.remove(s.cfg.Home)

	g, gctx := errgroup.WithContext(ctx)
	srv := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		// Streams end with the node: their context descends from Run's.
		BaseContext: func(net.Listener) context.Context { return gctx },
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	g.Go(func() error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("api: serve: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-gctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			return srv.Close()
		}
		return nil
	})
	if s.cfg.IdleExit > 0 {
		g.Go(func() error { return s.watchIdle(gctx) })
	}
	close(s.ready)
	return g.Wait()
}
