//go:build !linux

package containerd

import (
	"context"
	"log/slog"

	"infernet.tech/infernet/exec"
)

// Runner cannot run anything here: containers need Linux. Every method that
// would fails with exec.ErrUnsupported.
type Runner struct{ ready chan struct{} }

// New fails with exec.ErrUnsupported.
func New(Config, *slog.Logger) (*Runner, error) { return nil, exec.ErrUnsupported }

// Clean has nothing to remove.
func Clean(Config) ([]string, error) { return nil, nil }

// Run fails with exec.ErrUnsupported.
func (r *Runner) Run(context.Context) error { return exec.ErrUnsupported }

// Ready is never closed.
func (r *Runner) Ready() <-chan struct{} { return r.ready }

// Address is empty: there is no daemon.
func (r *Runner) Address() (socket, namespace string) { return "", "" }

// Fingerprint describes the machine, with no isolation on offer.
func (r *Runner) Fingerprint(context.Context) (exec.Fingerprint, error) { return exec.Host(), nil }

// Prepare fails with exec.ErrUnsupported.
func (r *Runner) Prepare(context.Context, exec.Image) error { return exec.ErrUnsupported }

// Start fails with exec.ErrUnsupported.
func (r *Runner) Start(context.Context, exec.Task, exec.Streams) (exec.Handle, error) {
	return nil, exec.ErrUnsupported
}

// Recover finds nothing.
func (r *Runner) Recover(context.Context) ([]string, error) { return nil, nil }

// Close does nothing.
func (r *Runner) Close() error { return nil }

var _ exec.Runner = (*Runner)(nil)
