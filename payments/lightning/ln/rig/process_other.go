//go:build !linux

package rig

import "syscall"

// attributes are none here: a child whose parent is killed goes on.
func attributes() *syscall.SysProcAttr { return nil }
