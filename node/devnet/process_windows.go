package devnet

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"
)

// apart keeps Ctrl-C from reaching the node.
func apart(cmd *exec.Cmd, _ bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// askToEnd kills: there is no asking from outside the console.
func askToEnd(p *os.Process) error { return p.Kill() }

// newLifeline makes none: a process here cannot be given further files. Down
// ends the nodes.
func newLifeline() (nodes, ours *os.File, err error) { return nil, nil, nil }

func hold(*exec.Cmd, *os.File) {}

func lifelineFile(string) *os.File { return nil }

// lockDir makes the folder's network this process's own to start or stop.
func lockDir(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "devnet.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("devnet: %w", err)
	}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	if err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped)); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%w: %s", ErrBusy, dir)
	}
	return func() { _ = f.Close() }, nil
}
