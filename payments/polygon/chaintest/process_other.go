//go:build !linux

package chaintest

import "syscall"

// dieWithParent does nothing here: the process ends when its standard input
// closes, which it does with this one.
func dieWithParent() *syscall.SysProcAttr { return nil }
