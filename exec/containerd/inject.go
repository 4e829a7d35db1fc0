//go:build linux

package containerd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"infernet.tech/infernet/exec"
)

// injection asks what these GPUs add to a sandbox, and checks the answer.
func (r *Runner) injection(ctx context.Context, ids []string) (exec.Injection, error) {
	if len(ids) == 0 {
		return exec.Injection{}, nil
	}
	if r.cfg.Inject == nil {
		return exec.Injection{}, fmt.Errorf("%w: %.80q", exec.ErrNoGPU, ids)
	}
	j, err := r.cfg.Inject(ctx, ids)
	if err == nil {
		err = j.Validate()
	}
	if err != nil {
		return exec.Injection{}, fmt.Errorf("exec/containerd: gpus %.80q: %w", ids, err)
	}
	return j, nil
}

// makeDevices makes device nodes for one task in a file system of their own.
// A user namespace cannot make any, so the runtime mounts these: that way they
// have a mode and an owner of our choice, whatever the host's nodes have, and
// the host's need not be touched.
func makeDevices(dir string, nodes []exec.DeviceNode, uid, gid uint32) error {
	if len(nodes) == 0 {
		return nil
	}
	if err := mountSmall("dev", dir, unix.MS_NOSUID|unix.MS_NOEXEC, "size=64k,mode=0700"); err != nil {
		return err
	}
	for i, n := range nodes {
		name := filepath.Join(dir, strconv.Itoa(i))
		mode := n.Mode.Perm()
		if mode == 0 {
			mode = 0o666
		}
		err := unix.Mknod(name, unix.S_IFCHR|uint32(mode), int(unix.Mkdev(uint32(n.Major), uint32(n.Minor))))
		if err == nil {
			err = os.Chmod(name, mode) // whatever the umask
		}
		if err == nil {
			err = os.Chown(name, int(uid), int(gid))
		}
		if err != nil {
			return fmt.Errorf("exec/containerd: device %s: %w", n.Path, err)
		}
	}
	return nil
}

// gpuMounts are those of the devices and the driver's files.
func (h *task) gpuMounts() ([]specs.Mount, error) {
	var all []specs.Mount
	for i, n := range h.gpus.Devices {
		all = append(all, device(filepath.Join(h.deviceDir(), strconv.Itoa(i)), n.Path))
	}
	for _, m := range h.gpus.Mounts {
		dest, err := resolve(h.img.rootfs, m.Destination)
		if err != nil {
			return nil, err
		}
		// Where the image's links led must be a place that may be mounted on, too.
		if err := (exec.Injection{Mounts: []exec.BindMount{{Source: m.Source, Destination: dest}}}).Validate(); err != nil {
			return nil, fmt.Errorf("%w: %s leads to %.200q", exec.ErrImage, m.Destination, dest)
		}
		all = append(all, library(m.Source, dest))
	}
	return all, nil
}

// maxLinks bounds the links of one path, as the kernel does.
const maxLinks = 40

// resolve says where an absolute path of the container leads to, following the
// image's links inside the image alone, but not a link that is its last part:
// that is mounted over.
func resolve(rootfs, dest string) (string, error) {
	root, err := os.OpenRoot(rootfs)
	if err != nil {
		return "", err
	}
	defer root.Close()
	at, rest, links := "/", strings.Split(strings.Trim(dest, "/"), "/"), 0
	for len(rest) > 0 {
		next := path.Join(at, rest[0]) // "..", at the top, stays there
		rest = rest[1:]
		if next == "/" {
			at = next
			continue
		}
		info, err := root.Lstat(next[1:])
		switch {
		case errors.Is(err, fs.ErrNotExist) || err == nil && (info.IsDir() || len(rest) == 0):
			at = next
		case err != nil:
			return "", fmt.Errorf("%w: %.200q: %w", exec.ErrImage, next, err)
		case info.Mode()&fs.ModeSymlink == 0:
			return "", fmt.Errorf("%w: %.200q is no folder", exec.ErrImage, next)
		default:
			if links++; links > maxLinks {
				return "", fmt.Errorf("%w: too many links in %.200q", exec.ErrImage, dest)
			}
			target, err := root.Readlink(next[1:])
			if err != nil {
				return "", fmt.Errorf("%w: %.200q: %w", exec.ErrImage, next, err)
			}
			if path.IsAbs(target) {
				at = "/"
			}
			rest = append(strings.Split(strings.Trim(target, "/"), "/"), rest...)
		}
	}
	return at, nil
}

// makePlaces makes, in a folder to be laid over the image's root, the places
// for those mounts that no image has. The root is read-only by the time the
// runtime would make them, and many containers share it. Links that an image
// has in the way of /run/engine are hidden by it.
func makePlaces(dir string, mounts []specs.Mount) error {
	for _, m := range mounts {
		switch {
		case m.Destination == "/in" || m.Destination == "/out" || m.Destination == "/model":
			continue
		case strings.HasPrefix(m.Destination, "/dev/"):
			continue // the runtime makes it in the container's own /dev
		}
		info, err := os.Stat(m.Source)
		if err != nil {
			return fmt.Errorf("exec/containerd: mount at %s: %w", m.Destination, err)
		}
		place := filepath.Join(dir, m.Destination)
		parent := place
		if !info.IsDir() {
			parent = filepath.Dir(place)
		}
		if err := os.MkdirAll(parent, 0o755); err != nil {
			return err
		}
		if !info.IsDir() {
			if err := os.WriteFile(place, nil, 0o644); err != nil {
				return err
			}
		}
	}
	return passable(dir)
}

// passable lets the task through the folders of dir, if there are any, whatever
// the umask was.
func passable(dir string) error {
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(p, 0o755)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
