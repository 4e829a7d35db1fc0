package devnet

import (
	"errors"
	"os"
	"os/exec"
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

// tryLock locks an open file, or answers ErrBusy.
func tryLock(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrBusy
	}
	return err
}
