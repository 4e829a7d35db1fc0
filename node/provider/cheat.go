package provider

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"unicode"
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

// tamper alters one letter or digit of every file of the result, that before
// the last full stop where there is one: a lie that reads like an answer.
func (c Cheat) tamper(out string) error {
	if c != CheatWrong {
		return nil
	}
	return filepath.WalkDir(out, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		i := lieAt(data)
		if i < 0 {
			return os.WriteFile(path, append(data, '0'), 0o644)
		}
		data[i] ^= 1
		return os.WriteFile(path, data, 0o644)
	})
}

// lieAt is where to alter data; -1 when it holds no letter and no digit.
// Flipping the lowest bit of one gives another letter or digit, or a sign that
// is printed: 'z' becomes '{'.
func lieAt(data []byte) int {
	end := bytes.LastIndexByte(data, '.')
	if end < 0 {
		end = len(data)
	}
	return bytes.LastIndexFunc(data[:end], func(r rune) bool {
		return r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r))
	})
}
