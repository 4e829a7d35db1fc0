package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"infernet.tech/infernet/exec/psabi"
)

// BinaryEnv is the environment variable that overrides where the engine
// program is looked for. The one for x86-64-v3 is looked for beside it.
const BinaryEnv = "INFERNET_ENGINE"

// Binary returns the path of the built engine program: the file named by
// BinaryEnv, else engine/infernet-llm in the folder of the running program.
// Errors wrap ErrNotBuilt.
func Binary() (string, error) {
	if path := os.Getenv(BinaryEnv); path != "" {
		found, err := regular(path)
		if err != nil {
			err = fmt.Errorf("%w; %s is set to %q, and nothing else is looked for", err, BinaryEnv, path)
		}
		return found, err
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("%w (own path unknown: %w)", ErrNotBuilt, err)
	}
	// The program may be called through a link in a folder of PATH.
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	return regular(filepath.Join(filepath.Dir(self), "engine", "infernet-llm"))
}

// fastSuffix ends the name of the engine program compiled for x86-64-v3; the
// first program looks for it by the same name.
const (
	fastSuffix = "-v3"
	fastLevel  = 3
)

// Programs returns the paths of all programs of which the engine's image is
// made: Binary's first, and the one compiled for x86-64-v3, named as the first
// with "-v3" at its end, where there is one. That the second is missing is no
// error, only slow: make builds it on x86-64 alone. Make builds both from the
// same source or leaves neither; who sets BinaryEnv to a program of their own
// answers for what lies beside it. Errors wrap ErrNotBuilt.
func Programs() ([]string, error) {
	plain, err := Binary()
	if err != nil {
		return nil, err
	}
	fast, err := regular(plain + fastSuffix)
	switch {
	case err == nil:
		return []string{plain, fast}, nil
	case errors.Is(err, fs.ErrNotExist):
		return []string{plain}, nil
	}
	return nil, err
}

// Chosen returns the one of Programs that runs on this machine: the program
// for x86-64-v3 where it is there and the processor and the system have that
// level. Errors wrap ErrNotBuilt.
func Chosen() (string, error) {
	all, err := Programs()
	if err != nil {
		return "", err
	}
	if psabi.Level() < fastLevel {
		return all[0], nil
	}
	return all[len(all)-1], nil
}

func regular(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotBuilt, err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%w: %s is not a regular file", ErrNotBuilt, path)
	}
	return filepath.Abs(path)
}
