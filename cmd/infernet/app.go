package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/term"
)

// app is what every verb needs: the streams, the home, the global flags.
type app struct {
	in      io.Reader
	out     io.Writer // results
	err     io.Writer // everything else
	home    string    // absolute, from --home, INFERNET_HOME or ~/.infernet
	json    bool
	noStart bool
	printed bool // a JSON document went out already
}

func newApp(in io.Reader, out, errw io.Writer) *app {
	return &app{in: in, out: out, err: errw}
}

// resolveHome settles the home folder; it need not exist yet.
func (a *app) resolveHome() error {
	h := a.home
	if h == "" {
		h = os.Getenv("INFERNET_HOME")
	}
	if h == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return fmt.Errorf("no home folder: %w", err)
		}
		h = filepath.Join(user, ".infernet")
	}
	abs, err := filepath.Abs(h)
	if err != nil {
		return fmt.Errorf("home folder: %w", err)
	}
	a.home = abs
	return nil
}

// makeHome creates the home folder for its owner alone.
func (a *app) makeHome() error {
	if err := os.MkdirAll(a.home, 0o700); err != nil {
		return fmt.Errorf("create home folder: %w", err)
	}
	return nil
}

// absolute makes a path of the command line mean the same in the node's process.
func absolute(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("path %q: %w", path, err)
	}
	return abs, nil
}

// terminal says whether a stream is a person's screen or keyboard.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
