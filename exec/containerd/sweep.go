//go:build linux

package containerd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	tasks "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/v2/client"
	"golang.org/x/sys/unix"

	"infernet.tech/infernet/exec"
)

// How long what was killed may take to be gone: it may be waiting for a disk.
const sweepPatience = time.Minute

// Clean removes all that a killed process left of the runner of this
// configuration, and starts nothing: for one who takes a root away altogether.
// It returns the ids of the tasks it found. Run does the same by itself.
// Errors: exec.ErrNoRights, exec.ErrLocked while the runner is in use. With a
// given socket it cannot remove the daemon's own records of the tasks.
func Clean(cfg Config) ([]string, error) {
	r, err := New(cfg, nil)
	if err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, exec.ErrNoRights
	}
	unlock, err := r.cfg.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return r.sweep()
}

// sweep removes all that runners of this Root have on the machine, without
// asking any daemon: processes, cgroups, mounts, files. It is called while no
// task of this process runs, and returns the ids of the tasks it found.
func (r *Runner) sweep() ([]string, error) {
	var ids []string
	if r.cfg.Socket == "" {
		ids = r.killStrays()
	}
	for _, dir := range r.cg.tree(r.cfg.cgroup()) {
		if filepath.Base(filepath.Dir(dir)) == r.cfg.instance() {
			ids = append(ids, filepath.Base(dir))
		}
	}
	r.cg.kill(r.cfg.cgroup())
	if err := r.cg.remove(r.cfg.cgroup(), sweepPatience); err != nil {
		return nil, fmt.Errorf("exec/containerd: cgroup left behind: %w", err)
	}
	for _, h := range r.cg.hierarchies() {
		_ = os.Remove(filepath.Join(h, "infernet")) // fails while another node uses it
	}
	if entries, err := os.ReadDir(r.cfg.tasks()); err == nil {
		for _, e := range entries {
			ids = append(ids, e.Name())
		}
	}
	if err := r.removeFiles(); err != nil {
		return nil, err
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// killStrays kills daemons and shims that carry this runner's paths in their
// arguments, and returns the task ids of the shims.
func (r *Runner) killStrays() []string {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var ids []string
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid <= 1 {
			continue
		}
		id, ours := r.stray(pid)
		if !ours {
			continue
		}
		if id != "" {
			ids = append(ids, id)
		}
		killAndWait(pid)
	}
	return ids
}

// stray tells whether a process is this runner's daemon or a shim of it.
func (r *Runner) stray(pid int) (id string, ours bool) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return "", false
	}
	args := strings.Split(string(raw), "\x00")
	after := func(flag string) string {
		if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
			return args[i+1]
		}
		return ""
	}
	switch filepath.Base(args[0]) {
	case "containerd-shim-runc-v2":
		return after("-id"), after("-address") == r.cfg.socket()
	case "containerd":
		return "", after("--config") == (&daemon{cfg: r.cfg}).configPath()
	}
	return "", false
}

// killAndWait holds the process by a descriptor, so that what is killed is
// what was looked at, and returns when it is dead.
func killAndWait(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(sweepPatience.Milliseconds()))
}

// removeFiles takes away mounts and files, the mounts first and surely: a file
// below a mount that stayed might be somebody's input.
func (r *Runner) removeFiles() error {
	dirs := []string{r.cfg.State, r.cfg.disks()}
	mounts, err := mountsBelow(dirs...)
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(mounts) {
		if err := unmount(m); err != nil {
			return fmt.Errorf("exec/containerd: unmount %s: %w", m, err)
		}
	}
	if mounts, err = mountsBelow(dirs...); err != nil || len(mounts) > 0 {
		return errors.Join(err, fmt.Errorf("exec/containerd: mounts left behind: %q", mounts))
	}
	gone := []string{r.cfg.daemonRoot(), r.cfg.daemonState(), r.cfg.tasks(), r.cfg.runcRoot(), r.cfg.fifos(),
		(&daemon{cfg: r.cfg}).configPath(), r.cfg.disks()}
	for _, path := range gone {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	_ = os.Remove(r.cfg.State) // keeps a folder in which others keep things
	if err := r.removeHalfImages(); err != nil {
		return err
	}
	err = os.RemoveAll(r.cfg.runDir())
	_ = os.Remove(filepath.Dir(r.cfg.runDir()))
	return err
}

// mountsBelow lists the mount points in these folders, in the order of mounting.
func mountsBelow(dirs ...string) ([]string, error) {
	raw, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var found []string
	for sc := bufio.NewScanner(bytes.NewReader(raw)); sc.Scan(); {
		words := strings.Fields(sc.Text())
		if len(words) < 5 {
			continue
		}
		point := unescape.Replace(words[4])
		for _, d := range dirs {
			if strings.HasPrefix(point, d+"/") {
				found = append(found, point)
			}
		}
	}
	return found, nil
}

// unescape undoes the kernel's writing of odd characters in mount points.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// sweepShared removes this runner's containers from a daemon that is not its
// own, by the label it gave them.
func (r *Runner) sweepShared(ctx context.Context, c *client.Client) error {
	list, err := c.ContainerService().List(ctx, fmt.Sprintf("labels.%q==%s", labelInstance, r.cfg.instance()))
	if err != nil {
		return fmt.Errorf("exec/containerd: list containers: %w", err)
	}
	for _, ctr := range list {
		_, _ = c.TaskService().Kill(ctx, &tasks.KillRequest{ContainerID: ctr.ID, Signal: uint32(unix.SIGKILL), All: true})
		for range 50 {
			_, err := c.TaskService().Delete(ctx, &tasks.DeleteTaskRequest{ContainerID: ctr.ID})
			if err == nil || isNotFound(err) {
				break
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
		if err := c.ContainerService().Delete(ctx, ctr.ID); err != nil && !isNotFound(err) {
			return fmt.Errorf("exec/containerd: remove container %s: %w", ctr.ID, err)
		}
		r.mu.Lock()
		r.found = append(r.found, ctr.ID)
		slices.Sort(r.found)
		r.found = slices.Compact(r.found)
		r.mu.Unlock()
	}
	return nil
}
