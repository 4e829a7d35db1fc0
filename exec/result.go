package exec

import "time"

// Reason says why a task ended, in one word that programs branch on.
type Reason string

// The reasons.
const (
	ReasonOK       Reason = "ok"       // exit code 0
	ReasonExit     Reason = "exit"     // another exit code, or a signal of its own
	ReasonOOM      Reason = "oom"      // beyond Limits.MemoryBytes
	ReasonTimeout  Reason = "timeout"  // beyond Limits.WallClock
	ReasonDisk     Reason = "disk"     // /out was full, or its content beyond the caps
	ReasonPIDs     Reason = "pids"     // beyond Limits.PIDs, and failed
	ReasonLog      Reason = "log"      // far beyond Limits.LogBytes, and killed for it
	ReasonOutput   Reason = "output"   // /out held something that is no result: a link, a device
	ReasonKilled   Reason = "killed"   // Stop, Destroy or Close
	ReasonImage    Reason = "image"    // the image has no such program, or it cannot be run
	ReasonInternal Reason = "internal" // the runtime failed; the task is not to blame
)

// Result tells how a task ended and what it took.
type Result struct {
	// ExitCode is that of the program; 128 plus the signal where one ended it.
	ExitCode int
	Reason   Reason
	// Detail is a sentence for people. It may hold text of the task's making.
	Detail         string
	Started, Ended time.Time
	// CPU is the processor time used, MaxMemory the peak in bytes; 0 is unknown.
	CPU       time.Duration
	MaxMemory uint64
	// LogTruncated says that output beyond Limits.LogBytes was thrown away.
	LogTruncated bool
}

// OK tells whether the task did what it should and left a result.
func (r Result) OK() bool { return r.Reason == ReasonOK }
