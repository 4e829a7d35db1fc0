//go:build linux

package containerd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"golang.org/x/sys/unix"
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

func mountDisk(ctx context.Context, dir, disk string, size uint64, uid, gid uint32) error {
	mkfs, err := osexec.LookPath("mkfs.ext4")
	if err != nil {
		return fmt.Errorf("a disk limit of %d bytes needs mkfs.ext4: %w", size, err)
	}
	if err := os.MkdirAll(filepath.Dir(disk), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(disk, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = f.Truncate(int64(size + size/64 + diskOverhead))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	out, err := osexec.CommandContext(ctx, mkfs, "-q", "-F", "-O", "^has_journal", "-m", "0",
		"-E", fmt.Sprintf("lazy_itable_init=1,nodiscard,root_owner=%d:%d", uid, gid), disk).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mkfs.ext4: %w: %.200s", err, strings.TrimSpace(string(out)))
	}
	m := mount.Mount{Type: "ext4", Source: disk, Options: []string{"loop", "nosuid", "nodev", "noatime"}}
	if err := m.Mount(dir); err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	return os.RemoveAll(filepath.Join(dir, "lost+found"))
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
