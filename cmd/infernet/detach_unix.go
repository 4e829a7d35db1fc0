//go:build !windows

package main

import (
	"os/exec"
	"syscall"
)

// detach gives a process a session of its own: neither Ctrl-C nor the closing
// of the terminal reaches it.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
