//go:build linux

package containerd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"infernet.tech/infernet/exec"
)

// serveUnix is the Task.Serve of a program that listens on exec.SocketPath.
const serveUnix = "unix"

// The waits between attempts while a program's queue of connections is full.
const (
	firstRedial = time.Millisecond
	lastRedial  = 50 * time.Millisecond
)

// mountEngine mounts the folder of a task's socket on dir: enough for a socket
// and a lock file, in memory that counts to the task. The folder above is
// root's alone, so that nobody else on the host finds the socket.
func mountEngine(dir string, uid, gid uint32) error {
	return mountSmall("engine", dir, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC,
		fmt.Sprintf("size=64k,nr_inodes=16,mode=0700,uid=%d,gid=%d", uid, gid))
}

// mountSmall mounts memory on a folder that it makes.
func mountSmall(name, dir string, flags uintptr, opts string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := unix.Mount(name, dir, "tmpfs", flags, opts); err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	return nil
}

// Dial connects to what the task serves.
func (h *task) Dial(ctx context.Context) (net.Conn, error) {
	for wait := firstRedial; ; wait = min(2*wait, lastRedial) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if h.spec.Serve == "" || h.over() {
			return nil, exec.ErrNotServing
		}
		c, err := h.dialOnce(ctx)
		if h.over() {
			// The name may be another task's by now, and the place with it.
			if err == nil {
				c.Close()
			}
			return nil, exec.ErrNotServing
		}
		if !errors.Is(err, unix.EAGAIN) {
			return c, err
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-h.ended:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// over tells whether the task has ended.
func (h *task) over() bool {
	select {
	case <-h.ended:
		return true
	default:
		return false
	}
}

func (h *task) dialOnce(ctx context.Context) (net.Conn, error) {
	if h.port != 0 {
		return dialPort(ctx, h.ended, h.netns, h.port)
	}
	return dialSocket(ctx, h.engineDir(), path.Base(exec.SocketPath))
}

// dialSocket connects to the socket of this name in a folder that belongs to a
// stranger, who may put anything there, and something else a moment later. So
// the name is looked up once, no link is followed, and what was found is what
// is connected to.
func dialSocket(ctx context.Context, dir, name string) (net.Conn, error) {
	fd, err := unix.Open(filepath.Join(dir, name), unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, notServing(err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, notServing(err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return nil, fmt.Errorf("%w: %s is no socket, but has mode %#o", exec.ErrNotServing, name, st.Mode)
	}
	c, err := new(net.Dialer).DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return nil, notServing(err)
	}
	return c, nil
}

// notServing marks the errors which say that nothing of use is there.
func notServing(err error) error {
	for _, sign := range []error{unix.ENOENT, unix.ECONNREFUSED, unix.EPROTOTYPE, unix.ECONNRESET, os.ErrClosed} {
		if errors.Is(err, sign) {
			return fmt.Errorf("%w: %w", exec.ErrNotServing, err)
		}
	}
	return err
}
