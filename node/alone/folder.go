package alone

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

// Folder is where what is done under this name by this user keeps everything.
func Folder(name string) string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("infernet-%s-%d", name, max(0, os.Getuid())))
}

// Take removes what a killed run left of Folder(name), makes dir below it and
// holds it until release removes everything in it, also after ctx has ended.
// Sweep is told of dir while files of an earlier run are in it, and again in
// the end: it takes away all that is not files. Errors: ErrBusy, ErrUnsafeDir,
// those of sweep.
func Take(ctx context.Context, name string, sweep func(ctx context.Context, dir string) error) (dir string, release func() error, err error) {
	base := Folder(name)
	if err := os.Mkdir(base, 0o711); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", nil, fmt.Errorf("alone: %w", err)
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
	if err := remove(ctx, dir, sweep); err != nil {
		unlock()
		return "", nil, err
	}
	if err := os.Mkdir(dir, 0o711); err != nil {
		unlock()
		return "", nil, fmt.Errorf("alone: %w", err)
	}
	return dir, func() error {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), removalTime)
		defer cancel()
		err := remove(late, dir, sweep)
		unlock()
		_ = os.Remove(base)
		return err
	}, nil
}

// remove ends what still runs below the folder and takes the folder away.
func remove(ctx context.Context, dir string, sweep func(context.Context, string) error) error {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// Never the files under a mount that could not be taken away.
	if err := sweep(ctx, dir); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("alone: %w", err)
	}
	return nil
}
