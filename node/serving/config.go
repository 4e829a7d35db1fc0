package serving

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"infernet.tech/infernet/payments"
)

// Config is what the operator of a provider decides about inference.
type Config struct {
	Class string // the hardware class told in quotes; may be empty

	MaxBody     int64  // bytes of a request's body
	MaxHeader   int    // bytes of a request's header
	PerPeer     int    // requests of one client answered or waiting at once
	OutGuess    int    // completion tokens reserved for a request that names no maximum
	Window      uint64 // of a lease in credits, and in units that Windows says nothing of; see Default
	Windows     map[payments.Unit]uint64
	LeaseFor    time.Duration // the longest that a lease may be asked for
	LeasesPeer  int           // leases of one client that are not over
	Leases      int           // leases of all clients that are kept
	Overdue     time.Duration // how long what was used may stay unpaid when no request comes
	Grace       time.Duration // how late a window may leave out a finished request
	Keep        time.Duration // how long a lease is remembered after its deadline
	RequestTime time.Duration // the longest that one request may take
	KeepAlive   time.Duration // how long a connection may rest between requests
	Flush       time.Duration // how often the meter is written down
}

// Default returns limits that suit strangers. Windows are the most that may be
// unpaid before a request is refused, whatever a lease asks for; what the rail
// lets a payer owe bounds it too.
func Default() Config {
	return Config{
		MaxBody: 4 << 20, MaxHeader: 16 << 10, PerPeer: 64, OutGuess: 2048,
		Window: 1000, Windows: map[payments.Unit]uint64{payments.MilliSat: 200_000, payments.MicroUSDC: 100_000},
		LeaseFor: 24 * time.Hour, LeasesPeer: 32, Leases: 50_000,
		Overdue: time.Minute, Grace: 3 * time.Second, Keep: 7 * 24 * time.Hour,
		RequestTime: 30 * time.Minute, KeepAlive: 10 * time.Minute, Flush: time.Second,
	}
}

// Validate returns ErrConfig with the first field that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.MaxBody < 1 || c.MaxBody > 64<<20:
		return fmt.Errorf("%w: body of at most %d bytes, want 1 to 64 MiB", ErrConfig, c.MaxBody)
	case c.MaxHeader < 1<<10 || c.MaxHeader > 1<<20:
		return fmt.Errorf("%w: header of at most %d bytes, want 1 KiB to 1 MiB", ErrConfig, c.MaxHeader)
	case c.PerPeer < 1 || c.OutGuess < 1 || c.LeasesPeer < 1 || c.Leases < c.LeasesPeer:
		return fmt.Errorf("%w: counts must be above zero, and leases in all not below those of a peer", ErrConfig)
	case c.Window < 1 || slices.Contains(slices.Collect(maps.Values(c.Windows)), 0):
		return fmt.Errorf("%w: a window of nothing", ErrConfig)
	case min(c.LeaseFor, c.Overdue, c.Keep, c.RequestTime, c.KeepAlive, c.Flush) <= 0 || c.Grace < 0:
		return fmt.Errorf("%w: durations must be above zero", ErrConfig)
	}
	return nil
}

// window is the most that may be unpaid of a lease in that unit.
func (c Config) window(unit payments.Unit) uint64 {
	if w, ok := c.Windows[unit]; ok {
		return w
	}
	return c.Window
}
