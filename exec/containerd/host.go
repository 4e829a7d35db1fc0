//go:build linux

package containerd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"infernet.tech/infernet/exec"
)

// programs are what a private daemon needs in BinDir.
var programs = []string{"containerd", "containerd-shim-runc-v2", "runc"}

// checkHost tells early, and in words for people, what would fail later.
func (c Config) checkHost() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: this needs root, and runs as user %d", exec.ErrNoRights, os.Geteuid())
	}
	if exec.Host().Cgroup == "" {
		return fmt.Errorf("%w: no control groups with a memory controller at %s", exec.ErrUnsupported, cgroupMount)
	}
	if c.Socket != "" {
		return nil
	}
	for _, p := range programs {
		info, err := os.Stat(filepath.Join(c.BinDir, p))
		if err == nil && info.Mode()&0o111 == 0 {
			err = errors.New("not executable")
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", exec.ErrNoRuntime, filepath.Join(c.BinDir, p), err)
		}
	}
	return nil
}

// lock makes the folders and takes the root for this process. The lock goes
// with the process, however it ends.
func (c Config) lock() (unlock func(), err error) {
	if err := os.MkdirAll(c.images(), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(c.Root, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w: %s", exec.ErrLocked, c.Root)
	}
	return func() { f.Close() }, nil
}

// makeState makes the folders that are swept away again. The container's root
// user, who is nobody to the host, must be able to pass through them.
func (c Config) makeState() error {
	for _, dir := range []string{c.State, c.daemonRoot(), c.daemonState(), c.tasks(), c.runDir()} {
		if err := makeShared(dir, 0o711); err != nil {
			return err
		}
	}
	return os.MkdirAll(c.shimSockets(), 0o700)
}

// makeShared makes a folder whose parent another node may be taking away in the
// same moment, having ended as the last that needed it.
func makeShared(dir string, mode os.FileMode) (err error) {
	for range 10 {
		if err = os.MkdirAll(dir, mode); !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return err
}
