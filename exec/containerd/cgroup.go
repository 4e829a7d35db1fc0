//go:build linux

package containerd

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const cgroupMount = "/sys/fs/cgroup"

// cgroups reads and removes the control groups of tasks. Making them and
// setting their limits is the runtime's part. It reads files directly, because
// asking the shim for the same costs a round trip for each task.
type cgroups struct {
	unified bool
	swap    bool // swap can be limited
}

func findCgroups() cgroups {
	var st unix.Statfs_t
	unified := unix.Statfs(cgroupMount, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC
	if unified {
		// The root group has no memory.swap.max; the kernel tells by the
		// presence of swap accounting in any child, which runc checks itself.
		return cgroups{unified: true, swap: true}
	}
	_, err := os.Stat(filepath.Join(cgroupMount, "memory/memory.memsw.limit_in_bytes"))
	return cgroups{swap: err == nil}
}

// hierarchies are the mount points a cgroup path is looked up in.
func (c cgroups) hierarchies() []string {
	if c.unified {
		return []string{cgroupMount}
	}
	entries, err := os.ReadDir(cgroupMount)
	if err != nil {
		return nil
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(cgroupMount, e.Name()))
		}
	}
	return dirs
}

// usage is what a task took, and which limits it met.
type usage struct {
	cpu       time.Duration
	maxMemory uint64
	oomKills  uint64
	pidsMet   uint64
}

// usage reads the counters of a group that still exists; what it cannot read
// stays zero.
func (c cgroups) usage(path string) usage {
	if c.unified {
		dir := filepath.Join(cgroupMount, path)
		return usage{
			cpu:       time.Duration(field(dir+"/cpu.stat", "usage_usec")) * time.Microsecond,
			maxMemory: field(dir+"/memory.peak", ""),
			oomKills:  field(dir+"/memory.events", "oom_kill"),
			pidsMet:   field(dir+"/pids.events", "max"),
		}
	}
	return usage{
		cpu:       time.Duration(field(cgroupMount+"/cpuacct"+path+"/cpuacct.usage", "")),
		maxMemory: field(cgroupMount+"/memory"+path+"/memory.max_usage_in_bytes", ""),
		oomKills:  field(cgroupMount+"/memory"+path+"/memory.oom_control", "oom_kill"),
		pidsMet:   field(cgroupMount+"/pids"+path+"/pids.events", "max"),
	}
}

// field reads a number from a file: the one of the named line, or the first.
func field(path, name string) uint64 {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		words := strings.Fields(sc.Text())
		if name == "" && len(words) == 1 || len(words) == 2 && words[0] == name {
			n, _ := strconv.ParseUint(words[len(words)-1], 10, 64)
			return n
		}
	}
	return 0
}

// tree lists a group and all below it, the deepest first, in all hierarchies.
func (c cgroups) tree(path string) []string {
	var dirs []string
	for _, h := range c.hierarchies() {
		_ = filepath.WalkDir(filepath.Join(h, path), func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append([]string{p}, dirs...)
			}
			return nil // a group may vanish while we look
		})
	}
	return dirs
}

// kill sends SIGKILL to every process in the group and below.
func (c cgroups) kill(path string) {
	for _, dir := range c.tree(path) {
		if os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0) == nil {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			continue
		}
		for _, word := range strings.Fields(string(raw)) {
			if pid, err := strconv.Atoi(word); err == nil && pid > 1 {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
	}
}

// keep makes a group, empty, so that the ones above it stay while it is there:
// another runner that ends removes what it finds empty, and a task that starts
// in that moment would miss its parents. Where a hierarchy takes no groups,
// tasks say so when they start.
func (c cgroups) keep(path string) {
	for _, h := range c.hierarchies() {
		for range 10 { // another runner may take a parent away once more
			if os.MkdirAll(filepath.Join(h, path), 0o755) == nil {
				break
			}
		}
	}
}

// remove removes the group and all below it. Processes killed a moment ago
// hold a group for a little while, so it is tried for up to patience.
func (c cgroups) remove(path string, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for {
		var first error
		for _, dir := range c.tree(path) {
			if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && first == nil {
				first = err
			}
		}
		if first == nil || time.Now().After(deadline) {
			return first
		}
		c.kill(path)
		time.Sleep(10 * time.Millisecond)
	}
}
