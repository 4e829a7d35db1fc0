package engine

import (
	"errors"
	"fmt"
	"time"
)

// Config sets the bounds of a Pool.
type Config struct {
	// Memory is the most that all running engines may be allowed together, in
	// bytes: the sum of their Limits.MemoryBytes.
	Memory uint64
	// Engines is how many may run at once.
	Engines int
	// Idle is how long an engine that nobody uses is kept.
	Idle time.Duration
	// StartTimeout is how long an engine may take from its start until it is
	// healthy: a large model is read from the disk in this time.
	StartTimeout time.Duration
	// HealthEvery and HealthTimeout are between two probes of a warm engine and
	// for each; one that fails HealthMisses in a row is killed.
	HealthEvery, HealthTimeout time.Duration
	HealthMisses               int
	// Patience is how long an engine that is asked for waits for others to be
	// idle; after it, busy ones are given no more requests until there is room.
	Patience time.Duration
	// Queue is how many requests may wait for one engine, TenantQueue how many
	// of one tenant.
	Queue, TenantQueue int
	// Backoff is the pause after a crash; it doubles to MaxBackoff with each
	// crash that follows before the engine ran for MaxBackoff. After Tries of
	// them in a row the engine is left alone until it is asked for again, and
	// MaxBackoff has passed.
	Backoff, MaxBackoff time.Duration
	Tries               int
	// Grace is how long an engine may take to end when it is told to.
	Grace time.Duration
	// Tail is how many bytes of an engine's last output are kept.
	Tail int
}

// Default returns the values a node uses; Memory is the caller's to set.
func Default() Config {
	return Config{
		Memory: 4 << 30, Engines: 64,
		Idle: 10 * time.Minute, StartTimeout: 3 * time.Minute,
		HealthEvery: 5 * time.Second, HealthTimeout: 10 * time.Second, HealthMisses: 3,
		Patience: 15 * time.Second, Queue: 256, TenantQueue: 128,
		Backoff: 100 * time.Millisecond, MaxBackoff: 30 * time.Second, Tries: 5,
		Grace: 5 * time.Second, Tail: 4 << 10,
	}
}

// Validate refuses what a Pool cannot work with.
func (c Config) Validate() error {
	switch {
	case c.Memory == 0:
		return errors.New("engine: no memory for engines")
	case c.Engines < 1, c.Queue < 1, c.TenantQueue < 1, c.Tries < 1, c.HealthMisses < 1:
		return errors.New("engine: engines, queues, tries and misses are at least 1")
	case c.Tail < 0 || c.Tail > 1<<20:
		return fmt.Errorf("engine: tail of %d bytes, want at most 1 MiB", c.Tail)
	}
	for name, d := range map[string]time.Duration{
		"idle": c.Idle, "start timeout": c.StartTimeout, "health interval": c.HealthEvery, "health timeout": c.HealthTimeout,
		"backoff": c.Backoff, "longest backoff": c.MaxBackoff, "grace": c.Grace, "patience": c.Patience,
	} {
		if d <= 0 {
			return fmt.Errorf("engine: %s is not positive", name)
		}
	}
	return nil
}
