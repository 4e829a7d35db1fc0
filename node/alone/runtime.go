package alone

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/containerd"
	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/gpu"
)

// Able tells at once what could not work later. Errors: exec.ErrUnsupported,
// exec.ErrNoRights.
func Able() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("%w: containers need Linux", exec.ErrUnsupported)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: run it as root or with sudo", exec.ErrNoRights)
	}
	return nil
}

// Runtime is a private containerd.
type Runtime struct {
	*containerd.Runner
	dir   string
	ended chan error
}

// Options of a Runtime.
type Options struct {
	// Program is the infernet program beside which the runtime's own lie, ""
	// is this one.
	Program string
	// GPUs are the cards that its sandboxes may be given.
	GPUs []gpu.Device
}

func config(dir string, o Options) containerd.Config {
	// Its state lies in /run: a sandbox's user cannot reach into every folder
	// for temporary files.
	cfg := containerd.Default(filepath.Join(dir, "exec"))
	if o.Program != "" {
		cfg.BinDir = filepath.Join(filepath.Dir(o.Program), "runtime")
	}
	if len(o.GPUs) > 0 {
		cfg.Inject = gpu.Host{}.Injector(o.GPUs)
	}
	return cfg
}

// Start starts a daemon that keeps everything in dir, which it makes, and
// returns when it is ready. It runs until Close, whatever becomes of ctx.
// Errors: those of containerd.Runner.
func Start(ctx context.Context, dir string, o Options) (*Runtime, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	runner, err := containerd.New(config(dir, o), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	r := &Runtime{Runner: runner, dir: dir, ended: make(chan error, 1)}
	go func() { r.ended <- runner.Run(context.WithoutCancel(ctx)) }()
	select {
	case <-runner.Ready():
		return r, nil
	case err = <-r.ended:
		r.ended <- nil
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, errors.Join(err, r.Close())
}

// Engines runs a pool of warm engines until stop, which returns when they have
// ended. Cards are those of Options.
func (r *Runtime) Engines(ctx context.Context, cfg engine.Config, cards []gpu.Device) (pool *engine.Pool, stop func() error, err error) {
	var book *gpu.Book
	if len(cards) > 0 {
		book = gpu.NewBook(cards, gpu.Host{}.Wiper(gpu.WipeOptions{}))
	}
	pool, err = engine.NewPool(cfg, r.Runner, book, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- pool.Run(running) }()
	return pool, func() error {
		cancel()
		return <-ended
	}, nil
}

// Close ends the daemon and everything that it runs.
func (r *Runtime) Close() error {
	return errors.Join(r.Runner.Close(), <-r.ended, Sweep(r.dir))
}

// Sweep removes what a killed Runtime of dir left on the machine, but for its
// files.
func Sweep(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_, err := containerd.Clean(config(dir, Options{}))
	return err
}
