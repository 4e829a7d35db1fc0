package engine

import (
	"fmt"
	"os"
	"path/filepath"
)

// BinaryEnv is the environment variable that overrides where the engine
// program is looked for.
const BinaryEnv = "INFERNET_ENGINE"

// Binary returns the path of the built engine program: the file named by
// BinaryEnv, else engine/infernet-llm in the folder of the running program.
// Errors wrap ErrNotBuilt.
func Binary() (string, error) {
	if path := os.Getenv(BinaryEnv); path != "" {
		return regular(path)
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
