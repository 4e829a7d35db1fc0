//go:build linux

package containerd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/client"
	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/exec"
)

// Runner runs tasks in containers. Make it with New, then keep Run going.
type Runner struct {
	cfg Config
	log *slog.Logger
	ids *idPool
	cg  cgroups

	ready chan struct{} // closed when tasks can be started
	stop  chan struct{} // closed by Close
	ended chan struct{} // closed when Run has returned

	mu      sync.Mutex
	client  *client.Client
	live    map[string]*task
	images  map[string]*prepared
	found   []string // left by an earlier process, and removed
	running bool
	closed  bool
}

var _ exec.Runner = (*Runner)(nil)

// New checks the configuration. It starts nothing.
func New(cfg Config, log *slog.Logger) (*Runner, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Runner{
		cfg:    cfg,
		log:    log,
		ids:    newIDPool(cfg.instance()),
		cg:     findCgroups(),
		ready:  make(chan struct{}),
		stop:   make(chan struct{}),
		ended:  make(chan struct{}),
		live:   map[string]*task{},
		images: map[string]*prepared{},
	}, nil
}

// Ready is closed once tasks can be started.
func (r *Runner) Ready() <-chan struct{} { return r.ready }

// Address tells which daemon and namespace are in use, for tools and
// benchmarks that speak to it directly.
func (r *Runner) Address() (socket, namespace string) { return r.cfg.socket(), r.cfg.Namespace }

// Run removes what an earlier process left, starts the private daemon or finds
// the given one, and keeps it until ctx ends or Close is called. Then all tasks
// are killed and nothing stays but the unpacked images. Run works once. Errors:
// exec.ErrNoRights, exec.ErrNoRuntime, exec.ErrLocked, exec.ErrClosed.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.begin(); err != nil {
		return err
	}
	defer close(r.ended)
	if err := r.cfg.checkHost(); err != nil {
		return err
	}
	unlock, err := r.cfg.lock()
	if err != nil {
		return err
	}
	defer unlock()
	left, err := r.sweep()
	if err != nil {
		return err
	}
	r.cg.keep(r.cfg.cgroup())
	r.mu.Lock()
	r.found = append(r.found, left...)
	r.mu.Unlock()
	return r.serve(ctx)
}

func (r *Runner) begin() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return exec.ErrClosed
	}
	if r.running {
		return errors.New("exec/containerd: Run works once")
	}
	r.running = true
	return nil
}

// serve runs until told to stop. The daemon outlives the tasks: its context is
// ended only when they are gone.
func (r *Runner) serve(ctx context.Context) error {
	daemonCtx, stopDaemon := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDaemon()
	g, gctx := errgroup.WithContext(daemonCtx)
	if r.cfg.Socket == "" {
		g.Go(func() error { return (&daemon{cfg: r.cfg, log: r.log}).run(gctx) })
	}
	g.Go(func() error {
		defer stopDaemon()
		if err := r.connect(ctx, gctx); err != nil {
			return err
		}
		close(r.ready)
		select {
		case <-ctx.Done():
		case <-r.stop:
		case <-gctx.Done():
		}
		return r.destroyAll()
	})
	err := g.Wait()
	r.mu.Lock()
	r.closed = true
	if r.client != nil {
		r.client.Close()
	}
	r.mu.Unlock()
	if _, serr := r.sweep(); err == nil {
		err = serr
	}
	return err
}

// connect waits for the daemon to answer.
func (r *Runner) connect(ctx, daemonCtx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := r.waitSocket(ctx, daemonCtx); err != nil {
		return err
	}
	c, err := client.New(r.cfg.socket(), client.WithDefaultNamespace(r.cfg.Namespace))
	if err != nil {
		return fmt.Errorf("exec/containerd: cannot reach containerd at %s: %w", r.cfg.socket(), err)
	}
	if ok, err := c.IsServing(ctx); err != nil || !ok {
		c.Close()
		return fmt.Errorf("exec/containerd: containerd at %s does not serve: %w", r.cfg.socket(), err)
	}
	r.mu.Lock()
	r.client = c
	r.mu.Unlock()
	if r.cfg.Socket != "" {
		return r.sweepShared(ctx, c)
	}
	return nil
}

func (r *Runner) waitSocket(ctx, daemonCtx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("unix", r.cfg.socket())
		if err == nil {
			return conn.Close()
		}
		if r.cfg.Socket != "" {
			return fmt.Errorf("exec/containerd: cannot reach containerd at %s: %w", r.cfg.Socket, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("exec/containerd: containerd does not answer: %w", err)
		case <-r.stop:
			return exec.ErrClosed
		case <-daemonCtx.Done():
			return context.Cause(daemonCtx)
		case <-tick.C:
		}
	}
}

// wait blocks until the daemon can be asked, and returns its client.
func (r *Runner) wait(ctx context.Context) (*client.Client, error) {
	select {
	case <-r.ready:
	case <-r.ended:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.client == nil {
		return nil, exec.ErrClosed
	}
	return r.client, nil
}

// Recover waits for the daemon and returns the ids of the tasks that an
// earlier process on this Root left; Run has removed them by then.
func (r *Runner) Recover(ctx context.Context) ([]string, error) {
	if _, err := r.wait(ctx); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	found := r.found
	r.found = nil
	return found, nil
}

// Close kills and removes all tasks, ends Run and waits for it.
func (r *Runner) Close() error {
	r.mu.Lock()
	first := !r.closed
	r.closed = true
	running := r.running
	r.mu.Unlock()
	if first {
		close(r.stop)
	}
	if running {
		<-r.ended
	}
	return nil
}

// destroyAll ends every task. New ones are refused from here on.
func (r *Runner) destroyAll() error {
	r.mu.Lock()
	r.closed = true
	all := make([]*task, 0, len(r.live))
	for _, t := range r.live {
		all = append(all, t)
	}
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var g errgroup.Group
	for _, t := range all {
		g.Go(func() error { return t.Destroy(ctx) })
	}
	return g.Wait()
}

// Fingerprint describes this machine and, once Ready, the daemon's version.
func (r *Runner) Fingerprint(ctx context.Context) (exec.Fingerprint, error) {
	fp := exec.Host()
	c, err := r.wait(ctx)
	if err != nil {
		return fp, err
	}
	v, err := c.Version(ctx)
	if err != nil {
		return fp, fmt.Errorf("exec/containerd: version: %w", err)
	}
	version, _, _ := strings.Cut(v.Version, "+") // a build from the module has no revision to add
	fp.RuntimeVersion = "containerd " + version
	fp.Isolation = []string{"runc"}
	return fp, nil
}
