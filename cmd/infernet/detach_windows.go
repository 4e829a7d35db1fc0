package main

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// detach keeps the console's Ctrl-C and closing from a process.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS,
	}
}
