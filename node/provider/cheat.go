package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Cheat is a way for a provider to be dishonest, for researchers and tests.
// The node honours it on devnets only.
type Cheat string

// The ways to cheat.
const (
	Honest     Cheat = ""
	CheatWrong Cheat = "wrong" // alter every result before committing to it
)

// Validate refuses an unknown way.
func (c Cheat) Validate() error {
	if !slices.Contains([]Cheat{Honest, CheatWrong}, c) {
		return fmt.Errorf("provider: unknown way to cheat %q (known: %s)", string(c), CheatWrong)
	}
	return nil
}

// tamper alters the last byte but one of every file of the result, the
// cheapest lie that no honest run can agree with.
func (c Cheat) tamper(out string) error {
	if c != CheatWrong {
		return nil
	}
	return filepath.WalkDir(out, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil || len(data) < 4 {
			return err
		}
		data[len(data)-4] ^= 1
		return os.WriteFile(path, data, 0o644)
	})
}
