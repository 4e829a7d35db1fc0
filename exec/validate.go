package exec

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// taskID is containerd's own rule for identifiers, which all runners share.
var taskID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,75}$`)

var imageDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// MaxWallClock is the longest a task may be given: an engine is kept for as
// long as it is asked.
const MaxWallClock = 30 * 24 * time.Hour

// maxGPUs bounds the devices of one task.
const maxGPUs = 64

// Bounds of what a task may say of itself: these reach argv and environ.
const (
	maxArgs     = 1024
	maxTextSize = 128 << 10
)

// DefaultLimits are used for each limit that a Task leaves at zero.
func DefaultLimits() Limits {
	return Limits{
		CPUMillis:   1000,
		MemoryBytes: 512 << 20,
		DiskBytes:   64 << 20,
		PIDs:        512,
		WallClock:   10 * time.Minute,
		LogBytes:    1 << 20,

		ScratchBytes: 16 << 20,
	}
}

// WithDefaults returns l with every zero replaced by that of d.
func (l Limits) WithDefaults(d Limits) Limits {
	set := func(v *uint64, def uint64) {
		if *v == 0 {
			*v = def
		}
	}
	set(&l.CPUMillis, d.CPUMillis)
	set(&l.MemoryBytes, d.MemoryBytes)
	set(&l.DiskBytes, d.DiskBytes)
	set(&l.LogBytes, d.LogBytes)
	set(&l.ScratchBytes, d.ScratchBytes)
	if l.PIDs == 0 {
		l.PIDs = d.PIDs
	}
	if l.WallClock == 0 {
		l.WallClock = d.WallClock
	}
	return l
}

// Validate checks everything that can be checked without the image or the
// disk. Its errors wrap ErrInvalidTask.
func (t Task) Validate() error {
	switch {
	case !taskID.MatchString(t.ID):
		return fmt.Errorf("%w: id %.80q", ErrInvalidTask, t.ID)
	case !imageDigest.MatchString(t.Image.Digest):
		return fmt.Errorf("%w: image digest %.80q", ErrInvalidTask, t.Image.Digest)
	case t.Limits.WallClock < 0:
		return fmt.Errorf("%w: negative wall clock", ErrInvalidTask)
	case t.Limits.WallClock > MaxWallClock:
		return fmt.Errorf("%w: wall clock beyond %v", ErrInvalidTask, MaxWallClock)
	case len(t.GPUs) > maxGPUs:
		return fmt.Errorf("%w: more than %d gpus", ErrInvalidTask, maxGPUs)
	}
	if _, err := ServePort(t.Serve); err != nil {
		return err
	}
	for _, p := range []string{t.In, t.Model, t.Out} {
		if p != "" && !filepath.IsAbs(p) {
			return fmt.Errorf("%w: path %.80q is not absolute", ErrInvalidTask, p)
		}
	}
	return validateTexts(t.Args, t.Env)
}

func validateTexts(args, env []string) error {
	size := 0
	for _, s := range append(append([]string{}, args...), env...) {
		size += len(s) + 1
		if strings.ContainsRune(s, 0) {
			return fmt.Errorf("%w: a zero byte in args or env", ErrInvalidTask)
		}
	}
	if len(args)+len(env) > maxArgs || size > maxTextSize {
		return fmt.Errorf("%w: args and env beyond %d entries or %d bytes", ErrInvalidTask, maxArgs, maxTextSize)
	}
	for _, e := range env {
		if i := strings.IndexByte(e, '='); i <= 0 {
			return fmt.Errorf("%w: env %.80q is not NAME=value", ErrInvalidTask, e)
		}
	}
	return nil
}
