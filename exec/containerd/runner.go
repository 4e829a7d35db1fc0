//go:build linux

package containerd

import (
	"context"
	"log/slog"

	"infernet.tech/infernet/exec"
)

// Runner runs tasks in containers. Make it with New.
type Runner struct {
	cfg   Config
	log   *slog.Logger
	ready chan struct{}
}

// New checks the configuration. It starts nothing.
func New(cfg Config, log *slog.Logger) (*Runner, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	return &Runner{cfg: cfg, log: log, ready: make(chan struct{})}, nil
}

// Ready is closed once tasks can be started.
func (r *Runner) Ready() <-chan struct{} { return r.ready }

// Run supervises the daemon until ctx ends.
func (r *Runner) Run(ctx context.Context) error { <-ctx.Done(); return exec.ErrUnsupported }
