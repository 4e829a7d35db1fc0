package sim

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/payments"
)

// Config is the worlds to be tried: one for each strategy, each with that share
// of its players. The zero value is not one; begin with Default.
type Config struct {
	Seed       uint64        `json:"seed"`
	Providers  int           `json:"providers"`  // in each world
	Clients    int           `json:"clients"`    // in each world; each is its own aggregator
	Validators int           `json:"validators"` // strangers with the role of a validator
	Trusted    int           `json:"trusted"`    // validators of its own that each client trusts; 0 or more
	Shards     int           `json:"shards"`     // of each world, all jobs together
	JobShards  int           `json:"job_shards"` // of one job
	Units      uint64        `json:"units"`      // of work in a shard; the price counts them
	Mode       string        `json:"mode"`       // a job.Verify mode; "" is the default one
	Replicas   uint32        `json:"replicas"`   // of quorum; 0 is the default
	Agree      uint32        `json:"agree"`      // of quorum; 0 is the default
	Rate       uint32        `json:"rate_ppm"`   // of sample, canary and replay; 0 is the default
	Strategies []Strategy    `json:"strategies"` // a world each
	Share      float64       `json:"share"`      // of the players that play it, 0 to 1
	Churn      float64       `json:"churn"`      // of the providers are away at any time, 0 to 0.9
	Partition  time.Duration `json:"partition"`  // how long, once, half of the providers are out of reach; 0 never
	Days       float64       `json:"days"`       // over which the jobs are spread
	// Report is told what happens, a line each; may be nil.
	Report func(string) `json:"-"`
}

// Default is a world small enough to wait for: a minute or two for all strategies.
func Default() Config {
	c := Config{
		Seed: 1, Providers: 300, Clients: 10, Validators: 10, Trusted: 0,
		Shards: 2000, JobShards: 100, Units: 10, Share: 1.0 / 3, Churn: 0.05, Days: 20,
	}
	for _, a := range Strategies() {
		c.Strategies = append(c.Strategies, a.Strategy)
	}
	return c
}

// Validate tells the first thing that makes no sense. Error: ErrConfig.
func (c Config) Validate() error {
	switch {
	case c.Providers < 4 || c.Providers > 100_000:
		return fmt.Errorf("%w: %d providers, 4 to 100000 are possible", ErrConfig, c.Providers)
	case c.Clients < 1 || c.Clients > 10_000:
		return fmt.Errorf("%w: %d clients, 1 to 10000 are possible", ErrConfig, c.Clients)
	case c.Validators < 0 || c.Validators > c.Providers || c.Trusted < 0 || c.Trusted > 16:
		return fmt.Errorf("%w: %d validators and %d trusted ones: at most as many as providers, and 16", ErrConfig, c.Validators, c.Trusted)
	case c.Shards < 1 || c.Shards > 10_000_000:
		return fmt.Errorf("%w: %d shards, 1 to 10 million are possible", ErrConfig, c.Shards)
	case c.JobShards < 1 || c.JobShards > 10_000:
		return fmt.Errorf("%w: %d shards a job, 1 to 10000 are possible", ErrConfig, c.JobShards)
	case c.Units < 1 || c.Units > 1_000_000:
		return fmt.Errorf("%w: %d units a shard, 1 to 1000000 are possible", ErrConfig, c.Units)
	case c.Mode != "" && !slices.Contains(modes(), c.Mode):
		return fmt.Errorf("%w: no mode of verification is called %.40q", ErrConfig, c.Mode)
	case len(c.Strategies) == 0:
		return fmt.Errorf("%w: no strategy", ErrConfig)
	case !within(c.Share, 0, 1):
		return fmt.Errorf("%w: a share of %g follows the strategy, 0 to 1 is possible", ErrConfig, c.Share)
	case !within(c.Churn, 0, 0.9):
		return fmt.Errorf("%w: a share of %g is away, 0 to 0.9 is possible", ErrConfig, c.Churn)
	case !within(c.Days, 0.01, 3650):
		return fmt.Errorf("%w: %g days, 0.01 to 3650 are possible", ErrConfig, c.Days)
	case c.Partition < 0:
		return fmt.Errorf("%w: a partition of %s", ErrConfig, c.Partition)
	}
	for _, s := range c.Strategies {
		if _, ok := about(s); !ok {
			return fmt.Errorf("%w: no strategy is called %.40q", ErrConfig, s)
		}
	}
	// The mode, its rate and its copies are held to what a job may ask for,
	// before anything is played.
	var wrong *job.SpecError
	if errors.As(c.spec().Validate(), &wrong) {
		return fmt.Errorf("%w: %s", ErrConfig, wrong.Problems[0].What)
	}
	return nil
}

// spec is what a client asks for, but for the money: everything that is not in
// Config is a default.
func (c Config) spec() job.Spec {
	s := job.Spec{Name: "sim", Task: job.Task{Image: "sim"}, Inputs: []job.SpecInput{{Path: "in"}}}
	s.Verify = job.Verify{Mode: c.Mode, Replicas: c.Replicas, Agree: c.Agree, Rate: c.Rate}
	s.Payment.Max = payments.Amount{Value: 1, Unit: payments.Credits}
	s.Timeouts = job.Timeouts{Shard: 2 * time.Minute, Fetch: time.Minute, Job: 12 * time.Hour}
	s.ApplyDefaults()
	return s
}

func within(v, low, high float64) bool { return !math.IsNaN(v) && v >= low && v <= high }

// mode is the mode of verification by its name.
func (c Config) mode() string {
	if c.Mode == "" {
		return job.VerifyAdaptive
	}
	return c.Mode
}

func modes() []string {
	return []string{job.VerifyAdaptive, job.VerifySample, job.VerifyQuorum, job.VerifyCanary, job.VerifyReplay, job.VerifyNone}
}
