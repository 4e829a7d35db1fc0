// Command escape tries to do what a sandbox must not allow. Its first argument
// says what: "all" runs every attempt that returns and prints a line for each,
// the others never end by themselves or until they are stopped.
package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	switch os.Args[1] {
	case "all":
		all()
	case "forkbomb":
		for {
			_ = exec.Command("/proc/self/exe", "forkbomb").Start()
		}
	case "forever":
		for {
		}
	case "memory":
		var hoard [][]byte
		for {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = 1
			}
			hoard = append(hoard, b)
			_ = hoard
		}
	case "disk":
		fill("/out")
	case "inodes":
		for i := 0; ; i++ {
			if err := os.WriteFile(fmt.Sprintf("/out/%d", i), nil, 0o600); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
		}
	case "sparse":
		check(os.WriteFile("/out/sparse", nil, 0o600))
		check(os.Truncate("/out/sparse", 1<<40))
	case "scratch":
		for _, dir := range []string{"/tmp", "/dev/shm"} {
			fmt.Printf("%s took %d\n", dir, fillTo(dir))
		}
	case "serve":
		trick(os.Args[2])
	case "devices":
		devices(os.Args[2:])
	case "run":
		out, err := exec.Command(os.Args[2], os.Args[3:]...).CombinedOutput()
		fmt.Printf("%s%v, LD_LIBRARY_PATH=%s\n", out, err, os.Getenv("LD_LIBRARY_PATH"))
	case "writable":
		fmt.Println(os.WriteFile(os.Args[2], []byte("x"), 0o600))
	case "flood":
		block := []byte(strings.Repeat("x", 1<<20))
		for range 1024 {
			os.Stdout.Write(block)
		}
	}
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func fill(dir string) {
	fmt.Println(fillTo(dir))
	os.Exit(1)
}

func fillTo(dir string) (n int) {
	f, err := os.Create(filepath.Join(dir, "fill"))
	check(err)
	block := make([]byte, 1<<20)
	for {
		k, err := f.Write(block)
		n += k
		if err != nil {
			return n
		}
	}
}

// attempts succeed where the sandbox fails.
var attempts = map[string]func() error{
	"mount":        func() error { return unix.Mount("tmpfs", "/tmp", "tmpfs", 0, "") },
	"remount":      func() error { return unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND, "") },
	"umount":       func() error { return unix.Unmount("/proc", unix.MNT_DETACH) },
	"fsopen":       func() error { return raw(unix.SYS_FSOPEN, str("tmpfs"), 0, 0) },
	"pivot_root":   func() error { return unix.PivotRoot("/tmp", "/tmp") },
	"chroot":       func() error { return unix.Chroot("/tmp") },
	"ptrace":       func() error { return raw(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0) },
	"process_vm":   func() error { return raw(unix.SYS_PROCESS_VM_READV, 1, 0, 0) },
	"bpf":          func() error { return raw(unix.SYS_BPF, 0, 0, 0) },
	"perf":         func() error { return raw(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0) },
	"keyctl":       func() error { return raw(unix.SYS_KEYCTL, 0, 0, 0) },
	"add_key":      func() error { return raw(unix.SYS_ADD_KEY, 0, 0, 0) },
	"userfaultfd":  func() error { return raw(unix.SYS_USERFAULTFD, 0, 0, 0) },
	"io_uring":     func() error { return raw(unix.SYS_IO_URING_SETUP, 1, 0, 0) },
	"unshare user": func() error { return unix.Unshare(unix.CLONE_NEWUSER) },
	"unshare net":  func() error { return unix.Unshare(unix.CLONE_NEWNET) },
	"clone ns":     func() error { return cloneNewUser() },
	"setns":        func() error { return raw(unix.SYS_SETNS, 0, unix.CLONE_NEWNET, 0) },
	"raw socket":   func() error { return socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP) },
	"packet":       func() error { return socket(unix.AF_PACKET, unix.SOCK_RAW, 0) },
	"netlink":      func() error { return socket(unix.AF_NETLINK, unix.SOCK_RAW, 0) },
	"vsock":        func() error { return socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0) },
	"alg":          func() error { return socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0) },
	"dial tcp":     func() error { return dial("tcp", "192.0.2.1:80") },
	"dial tcp6":    func() error { return dial("tcp", "[2001:db8::1]:80") },
	"dial host":    func() error { return dial("tcp", "127.0.0.1:"+os.Getenv("HOST_PORT")) },
	"dial udp":     func() error { return sendUDP("192.0.2.1:53") },
	"dial unix":    func() error { return dial("unix", "@"+os.Getenv("HOST_ABSTRACT")) },
	"resolve":      func() error { _, err := net.LookupHost("example.org"); return err },
	"mknod":        func() error { return unix.Mknod("/tmp/mem", unix.S_IFCHR|0o600, int(unix.Mkdev(1, 1))) },
	"mknod disk":   func() error { return unix.Mknod("/out/disk", unix.S_IFBLK|0o600, int(unix.Mkdev(7, 0))) },
	"dev mem":      func() error { return openFor("/dev/mem") },
	"dev kmsg":     func() error { return openFor("/dev/kmsg") },
	"dev loop":     func() error { return openFor("/dev/loop-control") },
	"dev fuse":     func() error { return openFor("/dev/fuse") },
	"dev kvm":      func() error { return openFor("/dev/kvm") },
	"kcore":        func() error { return readSome("/proc/kcore") },
	"keys":         func() error { return readSome("/proc/keys") },
	"sysrq":        func() error { return os.WriteFile("/proc/sysrq-trigger", []byte("h"), 0) },
	"sysctl":       func() error { return os.WriteFile("/proc/sys/kernel/hostname", []byte("x"), 0) },
	"core pattern": func() error { return os.WriteFile("/proc/sys/kernel/core_pattern", []byte("|/x"), 0) },
	"host sys":     func() error { return readSome("/sys/kernel/notes") },
	"hostname":     func() error { return unix.Sethostname([]byte("x")) },
	"write root":   func() error { return os.WriteFile("/x", nil, 0o600) },
	"write in":     func() error { return os.WriteFile("/in/x", nil, 0o600) },
	"chmod in":     func() error { return os.Chmod("/in", 0o777) },
	"nice":         func() error { return unix.Setpriority(unix.PRIO_PROCESS, 0, -20) },
	"rlimit": func() error {
		return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20})
	},
	"setuid":        func() error { return raw(unix.SYS_SETUID, 12345, 0, 0) },
	"time":          func() error { return unix.Settimeofday(&unix.Timeval{Sec: 1}) },
	"reboot":        func() error { return unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF) },
	"module":        func() error { return raw(unix.SYS_INIT_MODULE, 0, 0, 0) },
	"open handle":   func() error { return raw(unix.SYS_OPEN_BY_HANDLE_AT, 0, 0, 0) },
	"personality":   func() error { return raw(unix.SYS_PERSONALITY, 0x0040000, 0, 0) },
	"oom score":     func() error { return os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0) },
	"capabilities":  func() error { return statusIs("CapEff", "0000000000000000") },
	"bounding":      func() error { return statusIs("CapBnd", "0000000000000000") },
	"privileges":    func() error { return statusIs("NoNewPrivs", "1") },
	"seccomp":       func() error { return statusIs("Seccomp", "2") },
	"loader env":    func() error { return unset("LD_PRELOAD") },
	"gpu env":       func() error { return unset("NVIDIA_VISIBLE_DEVICES") },
	"other pids":    onlyMe,
	"interfaces up": noInterfaces,
	"stdin":         noStdin,
	"name":          plainName,
}

func all() {
	names := make([]string, 0, len(attempts))
	for n := range attempts {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		if err := attempts[n](); err != nil {
			fmt.Printf("denied %s: %v\n", n, err)
		} else {
			fmt.Printf("ALLOWED %s\n", n)
		}
	}
}

func raw(nr, a, b, c uintptr) error {
	if _, _, e := unix.RawSyscall6(nr, a, b, c, 0, 0, 0); e != 0 {
		// Arguments were wrong on purpose: only these two say that it is forbidden.
		if e == unix.EPERM || e == unix.ENOSYS {
			return e
		}
	}
	return nil
}

func str(s string) uintptr {
	b := append([]byte(s), 0)
	return uintptr(unsafe.Pointer(&b[0]))
}

func cloneNewUser() error {
	pid, _, e := unix.RawSyscall6(unix.SYS_CLONE, unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if e != 0 {
		return e
	}
	if pid == 0 {
		unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
	return nil
}

func socket(domain, kind, proto int) error {
	_, err := unix.Socket(domain, kind, proto)
	return err
}

func dial(network, address string) error {
	_, err := net.DialTimeout(network, address, 3*time.Second)
	return err
}

func sendUDP(address string) error {
	c, err := net.Dial("udp", address)
	if err != nil {
		return err
	}
	_, err = c.Write([]byte("x"))
	return err
}

func openFor(path string) error {
	_, err := os.OpenFile(path, os.O_RDWR, 0)
	return err
}

// readSome counts an empty file as denied: that is how paths are masked.
func readSome(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	if n, _ := f.Read(make([]byte, 16)); n == 0 {
		return fmt.Errorf("empty")
	}
	return nil
}

// statusIs is "denied" where the line of /proc/self/status is as it must be.
func statusIs(field, want string) error {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(raw)) {
		if name, value, _ := strings.Cut(line, ":"); name == field && strings.TrimSpace(value) == want {
			return fmt.Errorf("%s is %s", field, want)
		}
	}
	return nil
}

func unset(name string) error {
	if _, ok := os.LookupEnv(name); !ok {
		return fmt.Errorf("not set")
	}
	return nil
}

func onlyMe() error {
	pids, _ := filepath.Glob("/proc/[0-9]*")
	if len(pids) == 1 && os.Getpid() == 1 {
		return fmt.Errorf("alone")
	}
	return nil
}

func noInterfaces() error {
	raw, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		return err
	}
	if strings.Count(string(raw), ":") <= 1 {
		return fmt.Errorf("none but loopback")
	}
	return nil
}

func noStdin() error {
	if n, err := os.Stdin.Read(make([]byte, 1)); n == 0 && err != nil {
		return err
	}
	return nil
}

func plainName() error {
	if n, _ := os.Hostname(); n == "infernet" {
		return fmt.Errorf("hostname is %s", n)
	}
	return nil
}
