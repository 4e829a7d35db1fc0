package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"infernet.tech/infernet/exec/psabi"
)

const (
	// fastSuffix ends the name of the program compiled for x86-64-v3, which
	// lies beside the one that runs on any x86-64. Package engine puts it there.
	fastSuffix = "-v3"
	fastLevel  = 3
	// plainEnv, set to anything, keeps the program that was called.
	plainEnv = "INFERNET_LLM_PLAIN"
)

// becomeFast replaces this program by the one compiled for x86-64-v3 where
// that one is there and the processor and the system have all of its level.
// Process, arguments, environment and open files stay. It returns when this
// program is the one to run; an error tells that it should not have been.
func becomeFast() error {
	if os.Getenv(plainEnv) != "" || psabi.Level() < fastLevel {
		return nil
	}
	self, err := os.Executable()
	if err != nil || strings.HasSuffix(self, fastSuffix) {
		return err
	}
	if err := syscall.Exec(self+fastSuffix, os.Args, os.Environ()); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", self+fastSuffix, err)
	}
	return nil
}
