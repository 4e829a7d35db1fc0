package exec

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Injection is what a GPU adds to a sandbox. There are no hooks in it: nothing
// of the host is ever run for a task. It is made by the node's own code, never
// by an image or a peer.
type Injection struct {
	Devices []DeviceNode
	Mounts  []BindMount
	// Env is set after the image's and the task's variables, "NAME=value" each,
	// and may steer the loader, which an image may not.
	Env []string
}

// DeviceNode is a character device that the task may read and write.
type DeviceNode struct {
	Path         string // inside, below /dev
	Major, Minor int64
	// Mode holds the permission bits of the node inside; 0 is 0666.
	Mode fs.FileMode
}

// BindMount shows a file or folder of the host in the sandbox, read-only, with
// programs and libraries that may be run. A Destination in a folder which no
// image has is the safest: what an image has there is hidden.
type BindMount struct {
	Source, Destination string
}

// Bounds of an injection: a machine of sixteen GPUs stays far below.
const (
	maxDevices    = 256
	maxBindMounts = 1024
)

// reserved are the places that are the sandbox's own.
var reserved = []string{"/proc", "/dev", "/in", "/out", "/model", "/tmp", path.Dir(SocketPath)}

// ownDevices are what every sandbox has below /dev.
var ownDevices = []string{
	"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx", "pts",
	"shm", "mqueue", "fd", "core", "stdin", "stdout", "stderr",
}

// Validate checks what can be checked without the disk. Its errors wrap
// ErrInvalidTask.
func (j Injection) Validate() error {
	if len(j.Devices) > maxDevices || len(j.Mounts) > maxBindMounts {
		return fmt.Errorf("%w: %d devices and %d mounts injected", ErrInvalidTask, len(j.Devices), len(j.Mounts))
	}
	seen := map[string]bool{}
	for _, d := range j.Devices {
		name, ok := strings.CutPrefix(d.Path, "/dev/")
		first, _, _ := strings.Cut(name, "/")
		bad := !ok || path.Clean(d.Path) != d.Path || slices.Contains(ownDevices, first) || seen[d.Path]
		if bad || d.Major < 0 || d.Minor < 0 || d.Major > 1<<12-1 || d.Minor > 1<<20-1 {
			return fmt.Errorf("%w: device %.80q %d:%d", ErrInvalidTask, d.Path, d.Major, d.Minor)
		}
		if d.Mode&^fs.ModePerm != 0 {
			return fmt.Errorf("%w: device %.80q has mode %v", ErrInvalidTask, d.Path, d.Mode)
		}
		seen[d.Path] = true
	}
	for _, m := range j.Mounts {
		if err := m.validate(); err != nil {
			return err
		}
		if seen[m.Destination] {
			return fmt.Errorf("%w: two mounts at %.80q", ErrInvalidTask, m.Destination)
		}
		seen[m.Destination] = true
	}
	return validateTexts(nil, j.Env)
}

func (m BindMount) validate() error {
	for _, p := range []string{m.Source, m.Destination} {
		if !path.IsAbs(p) || path.Clean(p) != p || p == "/" || strings.ContainsRune(p, 0) {
			return fmt.Errorf("%w: mount of %.80q at %.80q", ErrInvalidTask, m.Source, m.Destination)
		}
	}
	for _, r := range reserved {
		if within(m.Destination, r) || within(r, m.Destination) {
			return fmt.Errorf("%w: mount at %.80q, which is the sandbox's own", ErrInvalidTask, m.Destination)
		}
	}
	return nil
}

// within tells whether p is dir or lies in it.
func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }
