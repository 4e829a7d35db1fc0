package rig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// EnvBin names the folder with btcd and lnd, where it is set.
const EnvBin = "INFERNET_MONEY_BIN"

// ErrNoPrograms: btcd and lnd are not built.
var ErrNoPrograms = errors.New("rig: btcd and lnd are not there: build them with make money-tools")

// Programs are where the programs are.
type Programs struct{ Btcd, Lnd string }

// Find looks for the programs in the folder of EnvBin; else beside the running
// program, in money; else in bin/money of the working folder or one above it.
func Find() (Programs, error) {
	if dir := os.Getenv(EnvBin); dir != "" {
		if p, ok := in(dir); ok {
			return p, nil
		}
		return Programs{}, fmt.Errorf("%w; not in %s, which %s names", ErrNoPrograms, dir, EnvBin)
	}
	if exe, err := os.Executable(); err == nil {
		if p, ok := in(filepath.Join(filepath.Dir(exe), "money")); ok {
			return p, nil
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return Programs{}, err
	}
	for {
		if p, ok := in(filepath.Join(dir, "bin", "money")); ok {
			return p, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return Programs{}, ErrNoPrograms
		}
		dir = above
	}
}

func in(dir string) (Programs, bool) {
	end := ""
	if runtime.GOOS == "windows" {
		end = ".exe"
	}
	p := Programs{Btcd: filepath.Join(dir, "btcd"+end), Lnd: filepath.Join(dir, "lnd"+end)}
	for _, f := range []string{p.Btcd, p.Lnd} {
		if info, err := os.Stat(f); err != nil || info.IsDir() {
			return Programs{}, false
		}
	}
	return p, true
}
