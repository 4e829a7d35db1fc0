package exec

import (
	"context"
	"io"
	"net"
	"time"
)

// Image names an OCI image and the place its bytes are read from.
type Image struct {
	// Digest is the digest of the image manifest, "sha256:" and 64 hex digits.
	Digest string
	// Layout is the path of the OCI image layout folder that holds it. It may
	// be empty where the Runner has the image prepared already.
	Layout string
}

// Limits bound a Task. Zero means the Runner's own default, never "no limit".
type Limits struct {
	CPUMillis   uint64        // thousandths of a core
	MemoryBytes uint64        // resident memory, with no swap beside it
	DiskBytes   uint64        // bytes in /out
	PIDs        uint32        // processes and threads alive at once
	WallClock   time.Duration // from start to end
	// LogBytes bounds stdout and stderr together; what is beyond is cut. It is
	// granted anew each hour to a task that serves.
	LogBytes uint64
	// ScratchBytes is the size of /tmp and of /dev/shm, each. What lies in them
	// counts as the task's memory.
	ScratchBytes uint64
}

// Task is one run of a program.
type Task struct {
	// ID names the task on this Runner: 1 to 76 characters of a-z, A-Z, 0-9,
	// '-', '_' and '.', the first of them a letter or digit. It may be used
	// again once the task is destroyed.
	ID    string
	Image Image
	// Args follow the image's entrypoint in place of its Cmd; nil keeps Cmd.
	Args []string
	// Env is appended to the image's environment, "NAME=value" each.
	Env []string
	// In and Model are absolute host paths, read-only in the task; "" is none.
	In, Model string
	// Out is a host folder which receives the content of /out when the task
	// has ended; it is made if missing. "" throws the result away.
	Out    string
	Limits Limits
	// Serve says where the program serves HTTP: "unix" on SocketPath, "tcp:PORT"
	// on 127.0.0.1:PORT of its own network namespace, PORT from 1024; "" is
	// nowhere.
	Serve string
	// GPUs are the identifiers of whole devices given to the task.
	GPUs []string
	// Labels are kept with the running task for people who look at it.
	Labels map[string]string
}

// Streams receive what the task prints, as it prints it. Either may be nil. A
// write that fails or blocks does not fail the task, but a blocked one holds
// it back.
type Streams struct {
	Stdout, Stderr io.Writer
}

// Runner runs tasks. All methods may be called from several goroutines.
type Runner interface {
	// Fingerprint describes the machine and the runtime.
	Fingerprint(ctx context.Context) (Fingerprint, error)
	// Prepare verifies and unpacks an image, so that Start has nothing left to
	// do for it. Preparing it again is cheap. Errors: ErrImage, ErrImageTooBig.
	Prepare(ctx context.Context, img Image) error
	// Start begins a task and returns when its program runs; an image not yet
	// prepared is prepared first. The context bounds the starting only, not
	// the task. Errors: ErrInvalidTask, ErrImage, ErrExists, ErrNoGPU,
	// ErrClosed.
	Start(ctx context.Context, t Task, s Streams) (Handle, error)
	// Recover finds what an earlier process left on this Runner's ground, stops
	// and removes it all, and returns the ids of those tasks. It does not touch
	// tasks started by this Runner. Call it once before the first Start.
	Recover(ctx context.Context) ([]string, error)
	// Close kills and destroys all tasks of this Runner. Further calls fail
	// with ErrClosed.
	Close() error
}

// Handle is a started task.
type Handle interface {
	// Wait returns once the task has ended, its result is in Task.Out and its
	// last output was written to its Streams. It may be called often. The
	// error is that of waiting; how the task ended is in Result.
	Wait(ctx context.Context) (Result, error)
	// Dial connects to what the task serves and returns at once where it can.
	// A connection ends with the task at the latest; nothing else bounds what
	// the program sends. Errors: ErrNotServing while nothing listens, after the
	// end, and without Task.Serve; the context's while the program does not
	// take more connections.
	Dial(ctx context.Context) (net.Conn, error)
	// Stop asks the task to end (SIGTERM) and kills it after grace. It returns
	// when the task has ended. The Result says ReasonKilled.
	Stop(ctx context.Context, grace time.Duration) error
	// Destroy kills the task if it runs and removes all of it but Task.Out. It
	// is idempotent. A Handle must be destroyed.
	Destroy(ctx context.Context) error
}
