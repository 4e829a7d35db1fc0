//go:build !windows

package devnet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// apart gives a node a process group of its own, so that Ctrl-C reaches this
// process alone, which ends the nodes in order; and a session when it is to
// outlive the terminal.
func apart(cmd *exec.Cmd, detach bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: !detach, Setsid: detach}
}

func askToEnd(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// newLifeline makes the pipe whose closing tells the nodes to end. The system
// closes our end when this process is gone.
func newLifeline() (nodes, ours *os.File, err error) {
	if nodes, ours, err = os.Pipe(); err != nil {
		return nil, nil, fmt.Errorf("devnet: %w", err)
	}
	return nodes, ours, nil
}

// hold gives the node its end of the lifeline.
func hold(cmd *exec.Cmd, end *os.File) {
	cmd.ExtraFiles = []*os.File{end}
	cmd.Env = append(cmd.Env, lifelineEnv+"=3")
}

// lifelineFile finds the end that this process was given.
func lifelineFile(number string) *os.File {
	fd, err := strconv.Atoi(number)
	if err != nil || fd < 3 {
		return nil
	}
	// Programs that the node starts must not be held by it.
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "lifeline")
}

// tryLock locks an open file, or answers ErrBusy.
func tryLock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrBusy
	}
	return err
}
