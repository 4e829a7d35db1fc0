//go:build linux

package containerd

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"infernet.tech/infernet/exec"
)

// idRange is the number of user ids, and of group ids, a container owns.
const idRange = 65536

// sandbox is what differs from one task to the next. All of it is of our own
// making or was validated; the rest of the specification is the same for all.
type sandbox struct {
	id       string
	cgroup   string // absolute cgroup path
	idBase   uint32 // the host's id of the container's root
	uid, gid uint32 // inside
	cwd      string
	args     []string
	env      []string
	mounts   []specs.Mount // of /in, /model, /out, /run/engine and of GPUs
	devices  []exec.DeviceNode
	scratch  uint64 // bytes of /tmp, and of /dev/shm
	memory   int64  // bytes, /out in memory included
	swap     bool   // the kernel can limit swap
	cpu      uint64 // thousandths of a core
	pids     uint32
}

// newSpec is the whole of the hardening: everything a stranger's program is
// given, and everything it is denied, is said here.
func newSpec(s sandbox) *specs.Spec {
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: s.idBase, Size: idRange}}
	oomFirst := 500 // tasks die before the node does when the machine itself is short
	return &specs.Spec{
		Version:  "1.2.0",
		Hostname: "infernet", // the same for all: the machine's own tells who runs it
		Root:     &specs.Root{Path: "rootfs", Readonly: true},
		Process: &specs.Process{
			Args:            s.args,
			Env:             s.env,
			Cwd:             s.cwd,
			User:            specs.User{UID: s.uid, GID: s.gid},
			NoNewPrivileges: true,
			Capabilities:    &specs.LinuxCapabilities{}, // none in any set
			OOMScoreAdj:     &oomFirst,
			Rlimits: []specs.POSIXRlimit{
				{Type: "RLIMIT_NOFILE", Hard: 4096, Soft: 4096},
				{Type: "RLIMIT_CORE"},
				{Type: "RLIMIT_MEMLOCK", Hard: 64 << 10, Soft: 64 << 10},
				{Type: "RLIMIT_MSGQUEUE"},
			},
		},
		Mounts: append(baseMounts(s.scratch), s.mounts...),
		Linux: &specs.Linux{
			CgroupsPath: s.cgroup,
			UIDMappings: ids,
			GIDMappings: ids,
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.UserNamespace},
				{Type: specs.PIDNamespace},
				{Type: specs.MountNamespace},
				{Type: specs.IPCNamespace},
				{Type: specs.UTSNamespace},
				{Type: specs.CgroupNamespace},
				{Type: specs.NetworkNamespace}, // nothing in it but a loopback of its own
			},
			Resources:         limits(s),
			Seccomp:           syscalls(),
			MaskedPaths:       maskedPaths,
			ReadonlyPaths:     readonlyPaths,
			RootfsPropagation: "private",
		},
		// Hooks stays nil: no program of the host is ever run for an image.
	}
}

// baseMounts has no /sys and no /dev/pts: the first tells of the host, the
// second serves terminals.
//
// What lies in memory counts to the task's limit. A scratch of gigabytes is for
// engines, and has as many files to the byte as a small one.
func baseMounts(scratch uint64) []specs.Mount {
	size := fmt.Sprintf("size=%d", min(scratch, 1<<50))
	files := fmt.Sprintf("nr_inodes=%d", max(4096, min(scratch>>12, 1<<20)))
	return []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "noexec", "strictatime", "mode=755", "size=64k"}},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", size, files}},
		{Destination: "/tmp", Type: "tmpfs", Source: "tmp", Options: []string{"nosuid", "nodev", "mode=1777", size, files}},
	}
}

func limits(s sandbox) *specs.LinuxResources {
	period := uint64(100_000)
	quota := max(int64(s.cpu*period/1000), 1000) // the kernel's least quota
	pids := int64(s.pids)
	never := uint64(0)
	memory := &specs.LinuxMemory{Limit: &s.memory}
	if s.swap {
		memory.Swap = &s.memory // memory and swap together: so no swap at all
	} else {
		memory.Swappiness = &never // the next best where swap cannot be counted
	}
	// The runtime itself allows null, zero, full, random, urandom and tty.
	devices := []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}
	for _, d := range s.devices {
		devices = append(devices, specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: &d.Major, Minor: &d.Minor, Access: "rw"})
	}
	return &specs.LinuxResources{
		Devices: devices,
		Memory:  memory,
		CPU:     &specs.LinuxCPU{Quota: &quota, Period: &period},
		Pids:    &specs.LinuxPids{Limit: &pids},
	}
}

// deniedSyscalls are taken out of containerd's default profile. Most are not
// in it for a process without capabilities; they are named so that a change of
// that default does not change ours.
var deniedSyscalls = []string{
	"unshare", "setns", "mount", "umount", "umount2", "pivot_root", "chroot",
	"open_tree", "open_tree_attr", "move_mount", "mount_setattr", "fsopen", "fsconfig", "fsmount", "fspick",
	"keyctl", "add_key", "request_key",
	"bpf", "perf_event_open", "userfaultfd",
	"io_uring_setup", "io_uring_enter", "io_uring_register",
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd",
	"personality", "name_to_handle_at", "open_by_handle_at", "socket",
	"kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module",
}

// syscalls is the allow-list of the sandbox. The profile is for this
// architecture alone: programs of its older siblings are killed.
func syscalls() *specs.LinuxSeccomp {
	p := seccomp.DefaultProfile(&specs.Spec{
		Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{}},
		Linux:   &specs.Linux{},
	})
	p.Architectures = nil
	kept := p.Syscalls[:0]
	for _, rule := range p.Syscalls {
		rule.Names = slices.DeleteFunc(slices.Clone(rule.Names), func(n string) bool {
			return slices.Contains(deniedSyscalls, n)
		})
		if len(rule.Names) > 0 {
			kept = append(kept, rule)
		}
	}
	p.Syscalls = kept
	// Programs make sockets of these families and find no network; all other
	// families are nothing but attack surface.
	for _, family := range []uint64{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6} {
		p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{
			Names:  []string{"socket"},
			Action: specs.ActAllow,
			Args:   []specs.LinuxSeccompArg{{Index: 0, Value: family, Op: specs.OpEqualTo}},
		})
	}
	return p
}

var maskedPaths = []string{
	"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/kmsg",
	"/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
	"/proc/sysrq-trigger", "/proc/vmallocinfo", "/proc/modules", "/proc/kallsyms",
	"/proc/cmdline", "/proc/version_signature", "/proc/partitions", "/proc/diskstats",
}

var readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"}

// bind is a read-only mount of a host path that gives no device, no privilege
// and no program.
func bind(source, destination string) specs.Mount {
	return specs.Mount{
		Destination: destination, Type: "bind", Source: filepath.Clean(source),
		Options: []string{"rbind", "ro", "nosuid", "nodev", "noexec", "rprivate"},
	}
}

// writable is a mount of a file system that was made for this task alone.
func writable(source, destination string) specs.Mount {
	return specs.Mount{
		Destination: destination, Type: "bind", Source: source,
		Options: []string{"bind", "rw", "nosuid", "nodev", "rprivate"},
	}
}

// engineFolder is that of the socket: nothing in it is ever run.
func engineFolder(source string) specs.Mount {
	m := writable(source, path.Dir(exec.SocketPath))
	m.Options = append(m.Options, "noexec")
	return m
}

// library is a read-only mount of a driver's files, which may be run as any
// other file of the container.
func library(source, destination string) specs.Mount {
	m := bind(source, destination)
	m.Options = slices.DeleteFunc(m.Options, func(o string) bool { return o == "noexec" })
	return m
}

// device is the one kind of mount on which a device can be opened. Its source
// is a node that was made for this task; what may be done with it, the device
// rules of the cgroup say.
func device(source, destination string) specs.Mount {
	return specs.Mount{
		Destination: destination, Type: "bind", Source: source,
		Options: []string{"bind", "rw", "nosuid", "noexec", "rprivate"},
	}
}

// strippedEnv are the prefixes of variables by which an image steers the
// loader, or GPU toolkits on the host's side.
var strippedEnv = []string{"LD_", "NVIDIA_", "CUDA_"}

// environment joins the variables of the image, the task and the GPUs; the
// later wins. Only the image's are a stranger's.
func environment(imageEnv, taskEnv, gpuEnv []string) []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp"}
	add := func(kv string) {
		name, _, _ := strings.Cut(kv, "=")
		env = slices.DeleteFunc(env, func(have string) bool { return strings.HasPrefix(have, name+"=") })
		env = append(env, kv)
	}
	for _, kv := range imageEnv {
		name, _, ok := strings.Cut(kv, "=")
		stripped := slices.ContainsFunc(strippedEnv, func(p string) bool { return strings.HasPrefix(strings.ToUpper(name), p) })
		if ok && name != "" && !stripped && !strings.ContainsRune(kv, 0) {
			add(kv)
		}
	}
	for _, kv := range append(slices.Clone(taskEnv), gpuEnv...) {
		add(kv)
	}
	return env
}
