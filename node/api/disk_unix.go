//go:build !windows

package api

import (
	"errors"
	"syscall"
)

// isDiskFull says whether the operating system had no room left.
func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
