package bench

import "errors"

// ErrConfig: a number asked for makes no sense.
var ErrConfig = errors.New("bench: bad configuration")

// ErrJob: a job of the benchmark did not end as it should.
var ErrJob = errors.New("bench: job failed")
