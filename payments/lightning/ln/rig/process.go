package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// program is one that can be started again and again with the same arguments.
type program struct {
	name, path, dir string
	args            []string
	running         *process
}

// process is one run of it.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error
}

// start runs the program, with more arguments. Its words go to a file beside its data.
func (p *program) start(more ...string) error {
	if p.up() {
		return fmt.Errorf("rig: %s runs already", p.name)
	}
	log, err := os.OpenFile(p.logPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.path, slices.Concat(p.args, more)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, log, log
	cmd.Env = []string{"HOME=" + p.dir, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = attributes()
	run := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel ends the child with the thread that started it, so the
		// thread stays for as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			run.err = cmd.Wait()
			close(run.done)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("rig: %s: %w", p.name, err)
	}
	p.running = run
	return nil
}

// up reports whether it has been started and has not ended.
func (p *program) up() bool {
	if p.running == nil {
		return false
	}
	select {
	case <-p.running.done:
		return false
	default:
		return true
	}
}

// kill ends it without warning, as kill -9 does.
func (p *program) kill() {
	if p.running != nil {
		_ = p.running.cmd.Process.Kill()
		<-p.running.done
	}
}

// await asks again until there is no error, the program ends, or ctx does.
func (p *program) await(ctx context.Context, what string, ask func(context.Context) error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		if !p.up() {
			return fmt.Errorf("rig: %s ended: %s", p.name, p.lastWords())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("rig: waiting for %s: %w; last: %w", what, context.Cause(ctx), err)
		}
	}
}

func (p *program) logPath() string { return filepath.Join(p.dir, p.name+".out") }

// lastWords are the end of what it said, for an error message.
func (p *program) lastWords() string {
	f, err := os.Open(p.logPath())
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 600 {
		_, _ = f.Seek(-600, io.SeekEnd)
	}
	b, err := io.ReadAll(io.LimitReader(f, 600))
	return strings.TrimSpace(errors.Join(errors.New(string(b)), err).Error())
}
