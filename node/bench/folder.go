package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"infernet.tech/infernet/node/devnet"
)

// removalTime is how long the removal may take after an interruption.
const removalTime = time.Minute

// folder is where a benchmark of this user keeps everything. It is always the
// same, so that a run finds what a killed one left.
func folder(what string) string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("infernet-bench-%s-%d", what, max(0, os.Getuid())))
}

// takeFolder removes what a killed run left, makes the folder and holds it
// until release removes everything in it. Errors: ErrBusy, ErrUnsafeDir.
func takeFolder(ctx context.Context, what string) (dir string, release func() error, err error) {
	base := folder(what)
	if err := os.Mkdir(base, 0o711); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", nil, fmt.Errorf("bench: %w", err)
	}
	// Its name is known to everybody, and it lies where everybody can write.
	if info, err := os.Lstat(base); err != nil || !info.IsDir() || !ours(info) {
		return "", nil, fmt.Errorf("%w: %s", ErrUnsafeDir, base)
	}
	unlock, err := devnet.Lock(filepath.Join(base, "lock"))
	if errors.Is(err, devnet.ErrBusy) {
		return "", nil, fmt.Errorf("%w: in %s", ErrBusy, base)
	}
	if err != nil {
		return "", nil, err
	}
	dir = filepath.Join(base, "run")
	if err := remove(ctx, dir); err != nil {
		unlock()
		return "", nil, err
	}
	if err := os.Mkdir(dir, 0o711); err != nil {
		unlock()
		return "", nil, fmt.Errorf("bench: %w", err)
	}
	return dir, func() error {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), removalTime)
		defer cancel()
		err := remove(late, dir)
		unlock()
		_ = os.Remove(base)
		return err
	}, nil
}

// remove ends what still runs below the folder and takes the folder away.
func remove(ctx context.Context, dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := errors.Join(
		devnet.Down(ctx, filepath.Join(dir, "net")),
		sweepDirect(filepath.Join(dir, "direct")),
		devnet.Down(ctx, filepath.Join(dir, "direct")),
	); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}
