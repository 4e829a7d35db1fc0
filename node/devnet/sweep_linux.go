package devnet

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

	"golang.org/x/sys/unix"

	"infernet.tech/infernet/exec/containerd"
)

// sweep removes what the nodes of a folder left in the kernel's hands. The
// container runner knows best what is its own; what it cannot know, because it
// did not start it or its state is damaged, is found by its paths.
func sweep(ctx context.Context, dir string) error {
	var errs []error
	for _, home := range homes(dir) {
		errs = append(errs, sweepContainers(home))
	}
	for _, r := range strays(dir) {
		r.signal(true)
		wait(context.WithoutCancel(ctx), []record{r}, killGrace)
	}
	errs = append(errs, unmountBelow(dir))
	if left := strays(dir); len(left) > 0 {
		errs = append(errs, fmt.Errorf("%w: process %d (%s)", ErrLeftBehind, left[0].PID, left[0].Name))
	}
	return errors.Join(errs...)
}

// sweepContainers lets the container runner of a home clean up after itself.
func sweepContainers(home string) error {
	root := filepath.Join(home, "exec")
	if _, err := os.Stat(root); err != nil || os.Geteuid() != 0 {
		return nil // without either there were no containers
	}
	if _, err := containerd.Clean(containerd.Default(root)); err != nil {
		return fmt.Errorf("%w: containers of %s: %w", ErrLeftBehind, root, err)
	}
	return nil
}

// strays finds parts of the container runtime that work below the folder, and
// nodes whose home is there. A person's shell or editor is no stray.
func strays(dir string) []record {
	return processes(func(pid int, args []string) bool {
		return isNode(pid, args, dir) || isRuntime(pid, args, dir)
	})
}

// nodesBelow finds nodes whose home is below the folder.
func nodesBelow(dir string) []record {
	return processes(func(pid int, args []string) bool { return isNode(pid, args, dir) })
}

// processes lists those other processes that are as wanted.
func processes(want func(pid int, args []string) bool) []record {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []record
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid <= 1 || pid == os.Getpid() {
			continue
		}
		mark, err := startMark(pid)
		if err != nil {
			continue
		}
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || len(raw) == 0 {
			continue
		}
		args := strings.Split(strings.TrimRight(string(raw), "\x00"), "\x00")
		if want(pid, args) {
			found = append(found, record{Name: filepath.Base(args[0]), PID: pid, Mark: mark})
		}
	}
	return found
}

func isNode(pid int, args []string, dir string) bool {
	return len(args) > 1 && args[1] == "node" && strings.HasPrefix(homeOf(pid), dir+"/")
}

func isRuntime(pid int, args []string, dir string) bool {
	if !slices.Contains([]string{"containerd", "containerd-shim-runc-v2", "runc"}, filepath.Base(args[0])) {
		return false
	}
	below := func(path string) bool { return strings.HasPrefix(path, dir+"/") }
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return err == nil && below(cwd) || slices.ContainsFunc(args, below)
}

// homeOf is the home that a process was started with.
func homeOf(pid int) string {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return ""
	}
	home := ""
	for kv := range strings.SplitSeq(string(raw), "\x00") {
		if v, ok := strings.CutPrefix(kv, "INFERNET_HOME="); ok {
			home = v
		}
	}
	return home
}

// unmountBelow unmounts everything below the folder, the last mounted first.
func unmountBelow(dir string) error {
	mounts, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(mounts) {
		if unix.Unmount(m, unix.UMOUNT_NOFOLLOW) != nil {
			// A dying process may hold it: it goes when that does.
			_ = unix.Unmount(m, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
		}
	}
	left, err := mountsBelow(dir)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%w: mounts %q", ErrLeftBehind, left)
	}
	return err
}

// mountsBelow lists the mount points below a folder, in the order of mounting.
func mountsBelow(dir string) ([]string, error) {
	raw, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("devnet: %w", err)
	}
	// The kernel writes odd characters of paths in octal (proc(5)).
	plain := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var found []string
	for sc := bufio.NewScanner(bytes.NewReader(raw)); sc.Scan(); {
		if words := strings.Fields(sc.Text()); len(words) > 4 {
			if point := plain.Replace(words[4]); strings.HasPrefix(point, dir+"/") {
				found = append(found, point)
			}
		}
	}
	return found, nil
}
