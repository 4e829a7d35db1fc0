//go:build !amd64

package psabi

// Level is this machine's level, 1 to 4, or 0 where it is not x86-64.
func Level() int { return 0 }
