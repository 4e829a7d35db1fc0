//go:build linux

package containerd

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"infernet.tech/infernet/exec"
)

// openNetns opens the network namespace of a task's first process. A process
// id may be another process's by the time it is looked at; the folder, once
// open, is of one process for good, and the cgroup in it says whose that is.
func openNetns(pid uint32, cgroup string) (*os.File, error) {
	proc, err := os.OpenRoot(fmt.Sprintf("/proc/%d", pid))
	if err != nil {
		return nil, fmt.Errorf("exec/containerd: the task ended at once: %w", err)
	}
	defer proc.Close()
	dir, err := proc.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	raw, err := proc.ReadFile("cgroup")
	if err != nil {
		return nil, fmt.Errorf("exec/containerd: the task ended at once: %w", err)
	}
	if !inCgroup(string(raw), cgroup) {
		return nil, fmt.Errorf("exec/containerd: process %d is not the task's", pid)
	}
	fd, err := unix.Openat(int(dir.Fd()), "ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("exec/containerd: network namespace: %w", err)
	}
	return os.NewFile(uintptr(fd), "netns"), nil
}

// inCgroup looks for a group in the text of /proc/PID/cgroup. A host that is a
// container itself may see a longer path than the one it asked for.
func inCgroup(text, group string) bool {
	for line := range strings.Lines(text) {
		if strings.HasSuffix(strings.TrimSuffix(line, "\n"), group) {
			return true
		}
	}
	return false
}

// dialPort connects to a port of the loopback in a network namespace. Nothing
// of the host is in there, so nothing but the task can answer. It gives up when
// the task has ended: the dead refuse nothing until they are asked again.
func dialPort(ctx context.Context, ended <-chan struct{}, ns *os.File, port uint16) (net.Conn, error) {
	fd, err := socketIn(ns)
	if err != nil {
		return nil, notServing(err)
	}
	to := &unix.SockaddrInet4{Port: int(port), Addr: [4]byte{127, 0, 0, 1}}
	err = unix.Connect(fd, to)
	if err != nil && err != unix.EINPROGRESS {
		unix.Close(fd)
		return nil, notServing(os.NewSyscallError("connect", err))
	}
	// From here on the runtime's poller has it.
	f := os.NewFile(uintptr(fd), "tcp")
	defer f.Close()
	if err == unix.EINPROGRESS {
		if err := connected(ctx, ended, f); err != nil {
			return nil, notServing(err)
		}
	}
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	// A port of those that the system gives away may be given to the very
	// socket that looks for it, which then finds itself.
	if c.LocalAddr().String() == c.RemoteAddr().String() {
		c.Close()
		return nil, fmt.Errorf("%w: nothing on port %d", exec.ErrNotServing, port)
	}
	return c, nil
}

// connected waits until a connection is made, refused, or not wanted any more.
func connected(ctx context.Context, ended <-chan struct{}, f *os.File) error {
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-ctx.Done():
		case <-ended:
		case <-done:
			return
		}
		_ = f.SetWriteDeadline(time.Unix(1, 0))
	}()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = raw.Write(func(fd uintptr) bool {
		code, gerr := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if gerr == nil && code != 0 {
			gerr = unix.Errno(code)
		}
		if gerr != nil {
			result = os.NewSyscallError("connect", gerr)
			return true
		}
		_, perr := unix.Getpeername(int(fd))
		return perr == nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	return result
}

// socketIn makes a socket in a network namespace. A socket stays where it was
// made, so only the making needs to be there.
func socketIn(ns *os.File) (fd int, err error) {
	raw, err := ns.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd = -1
	var inner error
	err = raw.Control(func(nsfd uintptr) {
		onThread(func() {
			if inner = os.NewSyscallError("setns", unix.Setns(int(nsfd), unix.CLONE_NEWNET)); inner != nil {
				return
			}
			fd, inner = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
			inner = os.NewSyscallError("socket", inner)
		})
	})
	if err == nil {
		err = inner
	}
	return fd, err
}

// onThread runs f on a thread that is thrown away afterwards, whatever f made
// of it: a goroutine which ends locked takes its thread along.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The first thread stands for the process in /proc and never ends.
			// Another has to do it, while this one is held.
			onThread(f)
			runtime.UnlockOSThread()
			return
		}
		f()
	}()
	<-done
}
