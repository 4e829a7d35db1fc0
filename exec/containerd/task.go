//go:build linux

package containerd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	tasks "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"infernet.tech/infernet/exec"
)

// task is one started task, and its exec.Handle. Its life:
//
//	start -> awaitExit sees the end -> watch: result, ended -> release, released
type task struct {
	r    *Runner
	c    *client.Client
	spec exec.Task
	img  *prepared
	gpus exec.Injection
	port uint16 // of Serve "tcp:PORT", else 0
	logs *logCap

	// Set by start, before other goroutines know of the task.
	idBase      uint32
	created     bool
	pid         uint32
	netns       *os.File // of a task that serves on a port
	io          cio.IO
	started     time.Time
	clock       *time.Timer
	stopWaiting context.CancelFunc
	exit        chan exit

	mu    sync.Mutex
	cause exec.Reason // why we ended it; "" if it ended itself

	ended    chan struct{} // closed when result is set
	result   exec.Result
	released chan struct{} // closed when nothing is left of it
	relErr   error
}

// exit is what the daemon said of a program's end.
type exit struct {
	code uint32
	at   time.Time
	err  error // the daemon lost the task
}

const (
	callPatience = 10 * time.Second // for a call that ends or removes a task
	lostPatience = 30 * time.Second // for a daemon that is being started again
	ioPatience   = 30 * time.Second // for the last output, once the program is dead
)

func (h *task) dir() string       { return filepath.Join(h.r.cfg.tasks(), h.spec.ID) }
func (h *task) outDir() string    { return filepath.Join(h.dir(), "out") }
func (h *task) engineDir() string { return filepath.Join(h.dir(), "engine") }
func (h *task) deviceDir() string { return filepath.Join(h.dir(), "dev") }
func (h *task) placesDir() string { return filepath.Join(h.dir(), "places") }
func (h *task) cgroup() string    { return h.r.cfg.cgroup() + "/" + h.spec.ID }

// Wait returns the result once there is one.
func (h *task) Wait(ctx context.Context) (exec.Result, error) {
	select {
	case <-h.ended:
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

// Stop sends SIGTERM, and SIGKILL after grace, and returns at the end.
func (h *task) Stop(ctx context.Context, grace time.Duration) error {
	h.blame(exec.ReasonKilled)
	if grace > 0 && h.signal(ctx, syscall.SIGTERM) == nil {
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-h.ended:
			return nil
		case <-t.C:
		case <-ctx.Done():
		}
	}
	h.kill()
	_, err := h.Wait(ctx)
	return err
}

// Destroy kills the task if need be and waits until nothing is left of it.
func (h *task) Destroy(ctx context.Context) error {
	select {
	case <-h.ended:
	default:
		h.end(exec.ReasonKilled)
	}
	select {
	case <-h.released:
		return h.relErr
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end kills the task for a reason; the first reason given counts.
func (h *task) end(why exec.Reason) {
	h.blame(why)
	h.kill()
}

func (h *task) blame(why exec.Reason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cause == "" {
		h.cause = why
	}
}

func (h *task) blamed() exec.Reason {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cause
}

func (h *task) signal(ctx context.Context, sig syscall.Signal) error {
	_, err := h.c.TaskService().Kill(ctx, &tasks.KillRequest{ContainerID: h.spec.ID, Signal: uint32(sig)})
	return err
}

// kill asks the daemon, and helps itself where the daemon does not answer.
func (h *task) kill() {
	ctx, cancel := context.WithTimeout(context.Background(), callPatience)
	defer cancel()
	if err := h.signal(ctx, syscall.SIGKILL); err != nil && !isNotFound(err) {
		h.r.cg.kill(h.cgroup())
	}
}

// awaitExit blocks until the program ends. A daemon that is started again in
// between finds the task by its shim and is asked again.
func (h *task) awaitExit(ctx context.Context) {
	var lostSince time.Time
	for {
		asked := time.Now()
		resp, err := h.c.TaskService().Wait(ctx, &tasks.WaitRequest{ContainerID: h.spec.ID})
		if err == nil {
			h.exit <- exit{code: resp.ExitStatus, at: resp.ExitedAt.AsTime()}
			return
		}
		if status.Code(err) != codes.Unavailable || ctx.Err() != nil {
			h.exit <- exit{err: err}
			return
		}
		// A call that lasted had a daemon to wait with: this is another loss.
		if lostSince.IsZero() || time.Since(asked) > lostPatience {
			lostSince = time.Now()
		}
		if time.Since(lostSince) > lostPatience {
			h.exit <- exit{err: err}
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// watch turns the end of the program into a result, and then removes all.
func (h *task) watch() {
	e := <-h.exit
	h.clock.Stop()
	if e.err != nil {
		h.r.cg.kill(h.cgroup()) // nobody else watches it now
	}
	h.drain()
	used := h.r.cg.usage(h.cgroup())
	h.result = h.judge(e, used)
	if h.spec.Out != "" && h.result.Reason != exec.ReasonInternal {
		h.deliver()
	}
	close(h.ended)
	h.release()
}

// drain waits for the last output. All writers are dead, so it is on its way.
func (h *task) drain() {
	done := make(chan struct{})
	go func() {
		h.io.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(ioPatience):
		h.io.Cancel()
	}
}

// judge says why the task ended.
func (h *task) judge(e exit, used usage) exec.Result {
	cause := h.blamed()
	res := exec.Result{
		ExitCode: int(e.code), Started: h.started, Ended: e.at,
		CPU: used.cpu, MaxMemory: used.maxMemory, LogTruncated: h.logs.truncated(),
	}
	if res.Ended.Before(res.Started) {
		res.Ended = time.Now()
	}
	lim := h.spec.Limits
	failed := e.code != 0
	switch {
	case e.err != nil && cause == "":
		res.Reason, res.Detail = exec.ReasonInternal, fmt.Sprintf("the runtime lost the task: %v", e.err)
	case cause == exec.ReasonTimeout:
		res.Reason, res.Detail = cause, fmt.Sprintf("still running after %v", lim.WallClock)
	case cause == exec.ReasonLog:
		res.Reason, res.Detail = cause, fmt.Sprintf("printed %d bytes past its limit of %d", logDrain, lim.LogBytes)
	case cause != "":
		res.Reason, res.Detail = cause, "stopped on request"
	case failed && used.oomKills > 0:
		res.Reason, res.Detail = exec.ReasonOOM, fmt.Sprintf("needed more than %d bytes of memory", lim.MemoryBytes)
	case failed && full(h.outDir()):
		res.Reason, res.Detail = exec.ReasonDisk, fmt.Sprintf("filled /out of %d bytes; exit code %d", lim.DiskBytes, e.code)
	case failed && used.pidsMet > 0:
		res.Reason, res.Detail = exec.ReasonPIDs, fmt.Sprintf("needed more than %d processes; exit code %d", lim.PIDs, e.code)
	case failed:
		res.Reason, res.Detail = exec.ReasonExit, fmt.Sprintf("exit code %d", e.code)
	default:
		res.Reason = exec.ReasonOK
	}
	if used.pidsMet > 0 && res.Reason != exec.ReasonPIDs && res.Reason != exec.ReasonOK {
		res.Detail += fmt.Sprintf("; met its limit of %d processes %d times", lim.PIDs, used.pidsMet)
	}
	return res
}

// deliver copies the result out. A result that cannot be taken turns a task
// that went well into one that did not.
func (h *task) deliver() {
	err := collect(h.outDir(), h.spec.Out, h.spec.Limits.DiskBytes)
	if err == nil || h.result.Reason != exec.ReasonOK {
		return
	}
	h.result.Detail = err.Error()
	switch {
	case errors.Is(err, errOutTooBig):
		h.result.Reason = exec.ReasonDisk
	case errors.Is(err, errOutKind):
		h.result.Reason = exec.ReasonOutput
	default:
		h.result.Reason = exec.ReasonInternal
	}
}

// release removes all that start made, as far as start came. It is called once.
func (h *task) release() {
	ctx, cancel := context.WithTimeout(context.Background(), callPatience)
	defer cancel()
	var errs []error
	if h.created {
		errs = append(errs, h.remove(ctx))
	}
	if h.stopWaiting != nil {
		h.stopWaiting()
	}
	if h.io != nil {
		h.io.Cancel()
		h.io.Wait()
		_ = h.io.Close() // closes pipes that are closed; removes their folder
	}
	if h.netns != nil {
		errs = append(errs, h.netns.Close())
	}
	errs = append(errs, unmount(h.outDir()), unmount(h.engineDir()), unmount(h.deviceDir()), os.RemoveAll(h.dir()))
	if err := os.Remove(filepath.Join(h.r.cfg.disks(), h.spec.ID)); err != nil && !os.IsNotExist(err) {
		errs = append(errs, err)
	}
	if h.idBase != 0 {
		h.r.ids.give(h.idBase)
	}
	h.relErr = errors.Join(errs...)
	if h.relErr != nil {
		h.r.log.Error("a task could not be removed whole", "task", h.spec.ID, "err", h.relErr)
	}
	h.r.mu.Lock()
	delete(h.r.live, h.spec.ID)
	h.r.mu.Unlock()
	close(h.released)
}

// remove deletes task and container in the daemon. A start that failed half
// way may have left the program running, or the task in the making.
func (h *task) remove(ctx context.Context) error {
	_, err := h.c.TaskService().Delete(ctx, &tasks.DeleteTaskRequest{ContainerID: h.spec.ID})
	for range 3 {
		if err == nil || isNotFound(err) {
			break
		}
		h.kill()
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
		_, err = h.c.TaskService().Delete(ctx, &tasks.DeleteTaskRequest{ContainerID: h.spec.ID})
	}
	if err != nil && !isNotFound(err) {
		h.r.cg.kill(h.cgroup())
	} else {
		err = nil
	}
	if cerr := h.c.ContainerService().Delete(ctx, h.spec.ID); cerr != nil && !isNotFound(cerr) {
		err = errors.Join(err, cerr)
	}
	return errors.Join(err, h.r.cg.remove(h.cgroup(), callPatience))
}
