package exec

import "errors"

// ErrInvalidTask: the task breaks the rules of Task or Limits.
var ErrInvalidTask = errors.New("exec: invalid task")

// ErrImage: the image is missing, malformed, hostile, or not what its digest says.
var ErrImage = errors.New("exec: bad image")

// ErrImageTooBig: the image is beyond a limit on bytes, entries, layers or ratio.
var ErrImageTooBig = errors.New("exec: image too big")

// ErrExists: a task of this id is on the runner.
var ErrExists = errors.New("exec: task exists")

// ErrNoGPU: the runner cannot give the GPUs the task asks for.
var ErrNoGPU = errors.New("exec: no such gpu")

// ErrNotServing: nothing listens where the task is to serve, not yet or not any
// more, or it was not asked to.
var ErrNotServing = errors.New("exec: task is not serving")

// ErrClosed: the runner was closed.
var ErrClosed = errors.New("exec: runner closed")

// ErrUnsupported: this kind of runner cannot work on this system.
var ErrUnsupported = errors.New("exec: not supported on this system")

// ErrNoRights: the process may not run containers on this system.
var ErrNoRights = errors.New("exec: no right to run containers")

// ErrNoRuntime: a program of the runtime is missing.
var ErrNoRuntime = errors.New("exec: runtime program missing")

// ErrLocked: another process runs tasks on the same root.
var ErrLocked = errors.New("exec: root is in use by another process")
