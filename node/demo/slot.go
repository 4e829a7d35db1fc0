package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"infernet.tech/infernet/node/devnet"
)

// slots is how many demos one person can run at once.
const slots = 4

// DefaultDir is the folder of this user's demos. It is always the same, so
// that a demo finds what a killed one left.
func DefaultDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("infernet-demo-%d", max(0, os.Getuid())))
}

// takeSlot removes what killed demos left in base and returns a folder for
// this one, which is held until release removes it.
func takeSlot(ctx context.Context, base string) (dir string, release func(), err error) {
	if err := safeDir(base); err != nil {
		return "", nil, err
	}
	for i := range slots {
		path := filepath.Join(base, fmt.Sprint(i+1))
		unlock, err := devnet.Lock(path + ".lock")
		if errors.Is(err, devnet.ErrBusy) {
			continue // a demo that lives
		}
		if err != nil {
			return "", nil, err
		}
		if err := remove(ctx, path); err != nil {
			unlock()
			return "", nil, err
		}
		if dir != "" {
			unlock()
			continue
		}
		dir = path
		release = func() {
			unlock()
			_ = os.Remove(base) // unless another demo is there
		}
	}
	if dir == "" {
		return "", nil, fmt.Errorf("%w: %d of them in %s", ErrBusy, slots, base)
	}
	return dir, release, nil
}

// remove takes a demo's network and its folder away.
func remove(ctx context.Context, dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := devnet.Down(ctx, dir); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

// safeDir makes the folder, or sees that it is this user's alone: its name is
// known to everybody, and it lies where everybody can write.
func safeDir(dir string) error {
	if err := os.Mkdir(dir, 0o711); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("demo: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if !info.IsDir() || !ours(info) {
		return fmt.Errorf("%w: %s", ErrUnsafeDir, dir)
	}
	return nil
}
