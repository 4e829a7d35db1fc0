package exectest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest/script"
)

// Func stands in for the program of a task. It writes to streams and to
// t.Out, honours ctx, and returns how it ended; Started and Ended are set for
// it.
type Func func(ctx context.Context, t exec.Task, s exec.Streams) exec.Result

// Runner is the fake. Its zero value performs scripts. The fields are set
// before the first call.
type Runner struct {
	// Program replaces the scripts where it is not nil.
	Program Func
	// PrepareError, where not nil, is asked by Prepare and Start of each image.
	PrepareError func(exec.Image) error
	// Leftovers are the ids Recover finds, once.
	Leftovers []string
	// Print is the fingerprint; the zero value stands for this machine's.
	Print exec.Fingerprint

	mu     sync.Mutex
	live   map[string]*handle
	starts []exec.Task
	closed bool
}

var _ exec.Runner = (*Runner)(nil)

// Started lists the tasks that were started so far, oldest first.
func (r *Runner) Started() []exec.Task {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]exec.Task{}, r.starts...)
}

// Live counts the tasks that were started and not destroyed.
func (r *Runner) Live() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.live)
}

// Fingerprint returns Print or this machine's own, with a fake runtime.
func (r *Runner) Fingerprint(context.Context) (exec.Fingerprint, error) {
	if r.Print.Arch != "" {
		return r.Print, nil
	}
	fp := exec.Host()
	fp.RuntimeVersion, fp.Isolation = "exectest", []string{"fake"}
	return fp, nil
}

// Prepare asks PrepareError and does nothing else.
func (r *Runner) Prepare(_ context.Context, img exec.Image) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return exec.ErrClosed
	}
	if r.PrepareError != nil {
		return r.PrepareError(img)
	}
	return nil
}

// Start performs the task in a goroutine.
func (r *Runner) Start(ctx context.Context, t exec.Task, s exec.Streams) (exec.Handle, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	if len(t.GPUs) > 0 {
		return nil, exec.ErrNoGPU
	}
	if err := r.Prepare(ctx, t.Image); err != nil {
		return nil, err
	}
	sc, err := script.Parse(t.Env)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", exec.ErrInvalidTask, err)
	}
	switch sc.StartError {
	case "":
	case "image":
		return nil, fmt.Errorf("%w: scripted", exec.ErrImage)
	default:
		return nil, errors.New("exectest: " + sc.StartError)
	}
	t.Limits = t.Limits.WithDefaults(exec.DefaultLimits())
	program := r.Program
	if program == nil {
		program = func(ctx context.Context, t exec.Task, s exec.Streams) exec.Result { return perform(ctx, sc, t, s) }
	}
	return r.launch(t, s, sc, program)
}

func (r *Runner) launch(t exec.Task, s exec.Streams, sc script.Script, program Func) (exec.Handle, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, exec.ErrClosed
	}
	if r.live[t.ID] != nil {
		return nil, fmt.Errorf("%w: %s", exec.ErrExists, t.ID)
	}
	if r.live == nil {
		r.live = map[string]*handle{}
	}
	ctx, kill := context.WithCancelCause(context.Background())
	h := &handle{r: r, id: t.ID, kill: kill, ignoreTerm: sc.IgnoreTerm, ended: make(chan struct{})}
	r.live[t.ID] = h
	r.starts = append(r.starts, t)
	go h.run(ctx, t, s, program)
	return h, nil
}

// Recover returns Leftovers, the first time.
func (r *Runner) Recover(context.Context) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := r.Leftovers
	r.Leftovers = nil
	return left, nil
}

// Close ends all tasks.
func (r *Runner) Close() error {
	r.mu.Lock()
	r.closed = true
	all := make([]*handle, 0, len(r.live))
	for _, h := range r.live {
		all = append(all, h)
	}
	r.mu.Unlock()
	var errs []error
	for _, h := range all {
		errs = append(errs, h.Destroy(context.Background()))
	}
	return errors.Join(errs...)
}

// handle is a task of the fake.
type handle struct {
	r          *Runner
	id         string
	kill       context.CancelCauseFunc
	ignoreTerm bool
	ended      chan struct{}
	result     exec.Result
}

// errTimeout and errKilled are the causes for which a task's context ends.
var (
	errTimeout = errors.New("timeout")
	errKilled  = errors.New("killed")
)

func (h *handle) run(ctx context.Context, t exec.Task, s exec.Streams, program Func) {
	clock := time.AfterFunc(t.Limits.WallClock, func() { h.kill(errTimeout) })
	defer clock.Stop()
	started := time.Now()
	res := program(ctx, t, s)
	switch context.Cause(ctx) {
	case errTimeout:
		res.Reason, res.ExitCode, res.Detail = exec.ReasonTimeout, 137, "still running after its time"
	case errKilled:
		res.Reason, res.ExitCode, res.Detail = exec.ReasonKilled, 137, "stopped on request"
	}
	res.Started, res.Ended = started, time.Now()
	h.result = res
	close(h.ended)
}

func (h *handle) Wait(ctx context.Context) (exec.Result, error) {
	select {
	case <-h.ended:
		return h.result, nil
	case <-ctx.Done():
		return exec.Result{}, ctx.Err()
	}
}

func (h *handle) Stop(ctx context.Context, grace time.Duration) error {
	if h.ignoreTerm && grace > 0 {
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-h.ended:
		case <-t.C:
		case <-ctx.Done():
		}
	}
	h.kill(errKilled)
	_, err := h.Wait(ctx)
	return err
}

func (h *handle) Destroy(ctx context.Context) error {
	h.kill(errKilled)
	if _, err := h.Wait(ctx); err != nil {
		return err
	}
	h.r.mu.Lock()
	defer h.r.mu.Unlock()
	if h.r.live[h.id] == h {
		delete(h.r.live, h.id)
	}
	return nil
}
