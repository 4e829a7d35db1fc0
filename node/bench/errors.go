package bench

import "errors"

// ErrBusy: another benchmark of this user runs.
var ErrBusy = errors.New("bench: another benchmark is running")

// ErrConfig: a number asked for makes no sense.
var ErrConfig = errors.New("bench: bad configuration")

// ErrJob: a job of the benchmark did not end as it should.
var ErrJob = errors.New("bench: job failed")

// ErrUnsafeDir: the folder of the benchmarks belongs to somebody else.
var ErrUnsafeDir = errors.New("bench: folder is not this user's own")
