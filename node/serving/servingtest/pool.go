package servingtest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"infernet.tech/infernet/node/serving"
)

// Pool is a serving.Pool of one engine. Requests beyond Parallel wait, up to
// Queue of them.
type Pool struct {
	parallel, queue int
	places          chan struct{}
	client          *http.Transport
	srv             *http.Server
	dir             string

	mu      sync.Mutex
	waiting int
}

// New starts h as an engine. Close ends it.
func New(h http.Handler, parallel, queue int) (*Pool, error) {
	dir, err := os.MkdirTemp("", "engine")
	if err != nil {
		return nil, err
	}
	sock := filepath.Join(dir, "http.sock")
	ln, err := net.Listen("unix", sock)
	if err != nil {
		return nil, err
	}
	p := &Pool{parallel: parallel, queue: queue, places: make(chan struct{}, parallel), dir: dir, srv: &http.Server{Handler: h}}
	p.client = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", sock)
		},
		MaxIdleConnsPerHost: parallel, DisableCompression: true,
	}
	go func() { _ = p.srv.Serve(ln) }()
	return p, nil
}

// Close ends the engine and every request to it.
func (p *Pool) Close() error {
	err := p.srv.Close()
	p.client.CloseIdleConnections()
	_ = os.RemoveAll(p.dir)
	return err
}

// Acquire implements serving.Pool.
func (p *Pool) Acquire(ctx context.Context, m serving.Model, _ string) (serving.Slot, error) {
	select {
	case p.places <- struct{}{}:
		return &slot{p: p}, nil
	default:
	}
	p.mu.Lock()
	if p.waiting >= p.queue {
		p.mu.Unlock()
		return nil, fmt.Errorf("%s: %w", m.Name, serving.ErrBusy)
	}
	p.waiting++
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.waiting--
		p.mu.Unlock()
	}()
	select {
	case p.places <- struct{}{}:
		return &slot{p: p}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Load implements serving.Pool.
func (p *Pool) Load(serving.Model) serving.Load {
	p.mu.Lock()
	defer p.mu.Unlock()
	return serving.Load{Active: len(p.places), Queued: p.waiting, Parallel: p.parallel, Warm: true}
}

type slot struct {
	p    *Pool
	once sync.Once
}

// RoundTrip sends the request over a kept-alive connection.
func (s *slot) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.p.client.RoundTrip(r)
	if err != nil && r.Context().Err() == nil {
		return nil, fmt.Errorf("%w: %w", serving.ErrCrashed, err)
	}
	return resp, err
}

func (s *slot) Release() { s.once.Do(func() { <-s.p.places }) }
