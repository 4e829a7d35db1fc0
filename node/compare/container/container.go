package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/job"
)

// ErrConfig: the configuration makes no sense.
var ErrConfig = errors.New("container: bad configuration")

// Runner starts the program; exec.Runner is one.
type Runner interface {
	Start(ctx context.Context, t exec.Task, s exec.Streams) (exec.Handle, error)
}

// Config of a Comparator.
type Config struct {
	// Image holds the program; its entrypoint and command are run as they are.
	Image exec.Image
	// Scratch is a folder of this machine in which results lie while they are
	// compared. It is made if missing; users of sandboxes must be able to reach it.
	Scratch string
	// Limits bound a run; those left out are the runner's own.
	Limits exec.Limits
	// MaxBytes bounds each of the two results; 0 is DefaultMaxBytes.
	MaxBytes int64
}

// DefaultMaxBytes is how large a result may be.
const DefaultMaxBytes = 1 << 30

// Comparator compares by the exit code of a program. It may be used by several
// goroutines.
type Comparator struct {
	cfg    Config
	runner Runner
	exact  compare.Comparator
}

var _ compare.Comparator = (*Comparator)(nil)

// New makes a comparator; it starts nothing. Errors: ErrConfig.
func New(cfg Config, r Runner) (*Comparator, error) {
	if r == nil || cfg.Image.Digest == "" || cfg.Scratch == "" || cfg.MaxBytes < 0 {
		return nil, fmt.Errorf("%w: a runner, an image and a folder are needed", ErrConfig)
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	exact, err := compare.New(job.Verify{Compare: job.CompareExact}, nil)
	return &Comparator{cfg: cfg, runner: r, exact: exact}, err
}

// Name is that of the comparator in a job.
func (*Comparator) Name() string { return job.CompareContainer }

// Compare runs the program on two results. Errors are those of the runner, the
// disk and ctx; what the program does is in the outcome.
func (c *Comparator) Compare(ctx context.Context, a, b fs.FS) (compare.Outcome, error) {
	unsure := compare.Outcome{Answer: compare.Inconclusive, Score: 0.5}
	if o, err := c.exact.Compare(ctx, a, b); err != nil || o.Answer == compare.Match {
		return o, err
	}
	st, err := c.stage(ctx, a, b)
	if st != nil {
		defer st.remove()
	}
	var bad *unfit
	switch {
	case errors.As(err, &bad):
		return bad.outcome(), nil
	case err != nil:
		return unsure, err
	}
	first, err := c.run(ctx, st.dir)
	if err != nil || first.Answer == compare.Inconclusive {
		return first, err
	}
	if err := st.swap(); err != nil {
		return unsure, err
	}
	second, err := c.run(ctx, st.dir)
	switch {
	case err != nil:
		return unsure, err
	case second.Answer != first.Answer:
		unsure.Why = fmt.Sprintf("the comparator says %s, and %s with the results changed round", first.Answer, second.Answer)
		return unsure, nil
	case first.Answer == compare.Match:
		return c.doubted(ctx, st, first)
	}
	return first, nil
}

// doubted asks about each result and an empty folder before a match is believed.
func (c *Comparator) doubted(ctx context.Context, st *staged, said compare.Outcome) (compare.Outcome, error) {
	unsure := compare.Outcome{Answer: compare.Inconclusive, Score: 0.5}
	for range 2 {
		restore, empty, err := st.hide()
		if err != nil {
			return unsure, err
		}
		if !empty {
			o, err := c.run(ctx, st.dir)
			switch {
			case err != nil:
				return unsure, err
			case o.Answer == compare.Match:
				unsure.Why = "the comparator finds a result the same as an empty folder"
				return unsure, nil
			}
		}
		if err := errors.Join(restore(), st.swap()); err != nil {
			return unsure, err
		}
	}
	return said, nil
}
