package exectest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
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
	// Serve stands in for the program of each task with Task.Serve: it answers
	// HTTP until the task is stopped, crashed or out of time. A nil handler
	// never listens. Runner.Program and scripts are not asked for such a task.
	Serve func(t exec.Task) http.Handler
	// Listen is Serve with the listener itself in hand, and is asked before it.
	// The task ends when it returns, and all its connections are cut. A
	// listener that it closes stays closed.
	Listen func(ctx context.Context, t exec.Task, l net.Listener) exec.Result
	// GPUs are the devices the fake has; a task which asks for another gets
	// exec.ErrNoGPU.
	GPUs []string
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
	for _, id := range t.GPUs {
		if !slices.Contains(r.GPUs, id) {
			return nil, fmt.Errorf("%w: %.80q", exec.ErrNoGPU, id)
		}
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
	socket := &socket{}
	return r.launch(t, s, sc, socket, r.program(t, sc, socket))
}

// program is what a task runs.
func (r *Runner) program(t exec.Task, sc script.Script, sock *socket) Func {
	switch {
	case t.Serve != "" && r.Listen != nil:
		return func(ctx context.Context, t exec.Task, _ exec.Streams) exec.Result {
			return r.Listen(ctx, t, sock.listen())
		}
	case t.Serve != "" && r.Serve != nil:
		return func(ctx context.Context, t exec.Task, _ exec.Streams) exec.Result {
			return serve(ctx, r.Serve(t), sock)
		}
	case r.Program != nil:
		return r.Program
	}
	return func(ctx context.Context, t exec.Task, s exec.Streams) exec.Result {
		return perform(ctx, sc, t, s, sock)
	}
}

// Crash ends a running task as though its program had ended by itself with
// this code, and waits for it. It tells whether there was such a task.
func (r *Runner) Crash(id string, code int) bool {
	r.mu.Lock()
	h := r.live[id]
	r.mu.Unlock()
	if h == nil {
		return false
	}
	h.kill(crash(code))
	<-h.ended
	return true
}

func (r *Runner) launch(t exec.Task, s exec.Streams, sc script.Script, sock *socket, program Func) (exec.Handle, error) {
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
	h := &handle{r: r, id: t.ID, serve: t.Serve, socket: sock, kill: kill, ignoreTerm: sc.IgnoreTerm, ended: make(chan struct{})}
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
	serve      string
	socket     *socket
	kill       context.CancelCauseFunc
	ignoreTerm bool
	ended      chan struct{}
	result     exec.Result
}

// crash is the cause of a task that Crash ended: its exit code.
type crash int

func (c crash) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// errTimeout and errKilled are the causes for which a task's context ends.
var (
	errTimeout = errors.New("timeout")
	errKilled  = errors.New("killed")
)

func (h *handle) run(ctx context.Context, t exec.Task, s exec.Streams, program Func) {
	clock := time.AfterFunc(t.Limits.WallClock, func() { h.kill(errTimeout) })
	defer clock.Stop()
	started := time.Now()
	// The end of the context cuts the connections even of a program that does
	// not look at it, as the death of a process does.
	stop := context.AfterFunc(ctx, h.socket.cut)
	res := program(ctx, t, s)
	stop()
	h.socket.cut()
	switch cause := context.Cause(ctx); cause {
	case nil:
	case errTimeout:
		res.Reason, res.ExitCode, res.Detail = exec.ReasonTimeout, 137, "still running after its time"
	case errKilled:
		res.Reason, res.ExitCode, res.Detail = exec.ReasonKilled, 137, "stopped on request"
	default:
		var code crash
		if errors.As(cause, &code) {
			res.Reason, res.ExitCode, res.Detail = crashed(int(code))
		}
	}
	res.Started, res.Ended = started, time.Now()
	h.result = res
	close(h.ended)
}

func (h *handle) Wait(ctx context.Context) (exec.Result, error) {
	select {
	case <-h.ended: // whatever became of ctx
		return h.result, nil
	default:
	}
	select {
	case <-h.ended:
		return h.result, nil
	case <-ctx.Done():
		return exec.Result{}, ctx.Err()
	}
}

func (h *handle) Dial(ctx context.Context) (net.Conn, error) {
	if h.serve == "" {
		return nil, exec.ErrNotServing
	}
	return h.socket.dial(ctx)
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
