package chaintest

import "syscall"

// dieWithParent ends the process when this one ends, whatever ended it.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
