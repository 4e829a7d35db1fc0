package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Mirror is a registry that container tools pull from.
type Mirror struct {
	cfg    Config
	images Images
	log    *slog.Logger

	turns   chan struct{} // one for each request being answered
	waiting atomic.Int32
	known   known
	checked checked
	addr    atomic.Value // string, once listening
	ready   chan struct{}
}

// New checks the configuration. It opens nothing.
func New(cfg Config, images Images, log *slog.Logger) (*Mirror, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Mirror{
		cfg: cfg, images: images, log: log,
		turns: make(chan struct{}, cfg.Requests), ready: make(chan struct{}),
	}, nil
}

// Ready is closed once the mirror answers.
func (m *Mirror) Ready() <-chan struct{} { return m.ready }

// Addr is the host:port listened on; "" before Ready.
func (m *Mirror) Addr() string {
	a, _ := m.addr.Load().(string)
	return a
}

// Run serves until ctx ends, then lets running requests finish for a moment and
// breaks off the others. When it returns no request holds an image any more. It
// must be called once.
func (m *Mirror) Run(ctx context.Context) error {
	ln, err := m.listen(ctx)
	if err != nil {
		return fmt.Errorf("mirror: listen: %w", err)
	}
	m.addr.Store(ln.Addr().String())
	g, gctx := errgroup.WithContext(ctx)
	var conns sync.WaitGroup // also of requests that Close leaves behind
	defer conns.Wait()
	// No ReadTimeout: it would end requests that wait for a download.
	srv := &http.Server{
		Handler:           m,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		BaseContext:       func(net.Listener) context.Context { return gctx },
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				conns.Add(1)
			case http.StateClosed:
				conns.Done()
			}
		},
		ErrorLog: slog.NewLogLogger(m.log.Handler(), slog.LevelDebug),
	}
	g.Go(func() error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("mirror: serve: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-gctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			return srv.Close()
		}
		return nil
	})
	close(m.ready)
	return g.Wait()
}

func (m *Mirror) listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", m.cfg.Listen)
	if err == nil || !m.cfg.Elsewhere {
		return ln, err
	}
	host, _, err := net.SplitHostPort(m.cfg.Listen)
	if err != nil {
		return nil, err
	}
	return lc.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
}

// turn waits until a request may be answered. It refuses at once when too many
// wait already.
func (m *Mirror) turn(ctx context.Context) (done func(), err error) {
	done = func() { <-m.turns }
	select {
	case m.turns <- struct{}{}:
		return done, nil
	default:
	}
	if m.waiting.Add(1) > int32(4*m.cfg.Requests) {
		m.waiting.Add(-1)
		return nil, errBusy
	}
	defer m.waiting.Add(-1)
	select {
	case m.turns <- struct{}{}:
		return done, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
