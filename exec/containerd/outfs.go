//go:build linux

package containerd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"golang.org/x/sys/unix"

	"infernet.tech/infernet/exec"
)

// mountOut mounts the file system of a task's /out on dir, owned by the task's
// user: memory where it is small, a sparse file at disk where it is not. An
// empty disk means memory.
func mountOut(ctx context.Context, dir, disk string, size uint64, uid, gid uint32) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if disk != "" {
		return mountDisk(ctx, dir, disk, size, uid, gid)
	}
	opts := fmt.Sprintf("size=%d,nr_inodes=%d,mode=0755,uid=%d,gid=%d", size, maxOutEntries, uid, gid)
	if err := unix.Mount("out", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, opts); err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	return nil
}

// diskOverhead is what ext4 keeps to itself of a small file system.
const diskOverhead = 4 << 20

// mountDisk mounts a new ext4 of size bytes, kept in the sparse file disk. It
// is a copy of a template of that size where there is one, because formatting
// costs several times what the copy does. Templates lie beside the disks.
func mountDisk(ctx context.Context, dir, disk string, size uint64, uid, gid uint32) error {
	if size > 1<<44 {
		return fmt.Errorf("%w: a disk limit of %d bytes", exec.ErrInvalidTask, size)
	}
	if err := makeDisk(ctx, disk, size); err != nil {
		return err
	}
	m := mount.Mount{Type: "ext4", Source: disk, Options: []string{"loop", "nosuid", "nodev", "noatime"}}
	if err := m.Mount(dir); err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "lost+found")); err != nil {
		return err
	}
	return os.Chown(dir, int(uid), int(gid))
}

// maxTemplates bounds what tasks of ever different sizes leave lying about.
const maxTemplates = 16

func makeDisk(ctx context.Context, disk string, size uint64) error {
	template := filepath.Join(filepath.Dir(disk), fmt.Sprintf(".ext4-%d", size))
	if _, err := os.Stat(template); err == nil {
		return copySparse(template, disk)
	}
	if have, _ := filepath.Glob(filepath.Join(filepath.Dir(disk), ".ext4-*")); len(have) >= maxTemplates {
		return formatDisk(ctx, disk, size)
	}
	if err := formatDisk(ctx, template, size); err != nil {
		return err
	}
	return copySparse(template, disk)
}

// formatDisk makes a formatted file. Two at once for one name each make their
// own, and the last to be renamed stays.
func formatDisk(ctx context.Context, name string, size uint64) error {
	mkfs, err := osexec.LookPath("mkfs.ext4")
	if err != nil {
		return fmt.Errorf("a disk limit of %d bytes needs mkfs.ext4: %w", size, err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".format-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = f.Truncate(int64(size + size/64 + diskOverhead))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	out, err := osexec.CommandContext(ctx, mkfs, "-q", "-F", "-O", "^has_journal", "-m", "0",
		"-E", "lazy_itable_init=1,nodiscard", f.Name()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mkfs.ext4: %w: %.200s", err, strings.TrimSpace(string(out)))
	}
	return os.Rename(f.Name(), name)
}

// copySparse copies the written parts of a file and leaves the holes.
func copySparse(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = out.Truncate(info.Size())
	for at := int64(0); err == nil; {
		var begin, end int64
		if begin, err = in.Seek(at, unix.SEEK_DATA); errors.Is(err, unix.ENXIO) {
			err = nil // nothing but holes from here on
			break
		}
		if err == nil {
			end, err = in.Seek(begin, unix.SEEK_HOLE)
		}
		if err == nil {
			_, err = io.Copy(io.NewOffsetWriter(out, begin), io.NewSectionReader(in, begin, end-begin))
		}
		at = end
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	return err
}

// full tells whether a task could write no more to its /out. A disk keeps a
// little to itself when it refuses a write, so the last 64th counts as none.
func full(dir string) bool {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return false
	}
	return st.Bavail <= st.Blocks/64 || st.Ffree == 0
}

// unmount takes a mount away even where something of it is still open.
func unmount(dir string) error {
	err := unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, fs.ErrNotExist) {
		return nil // not a mount point, or gone
	}
	return err
}
