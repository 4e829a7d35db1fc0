package delivery

import (
	"fmt"
	"time"

	"infernet.tech/infernet/payments"
)

// Config is what an operator decides about bytes. Amounts are in the rail's
// unit.
type Config struct {
	Rate     uint64 // bytes a second served to all peers; 0: no limit
	PeerRate uint64 // bytes a second served to one peer; 0: no limit
	Cap      uint64 // bytes a day (UTC) served to strangers; 0: no limit
	Price    uint64 // per GiB, to strangers; 0: free
	Window   uint64 // bytes that a peer may leave unpaid

	PayTime time.Duration // how long a stream waits for a payment

	PayAt    uint64        // bytes fetched after which they are paid for
	FreeAt   uint64        // the same of free bytes, for a receipt
	Lag      uint64        // bytes read after which those before count as good
	Pause    time.Duration // waiting for bytes after which those read count as good
	Rest     time.Duration // after the last stream, until what is open is paid
	FreeRest time.Duration // the same of free bytes

	Flush    time.Duration // how often meters are written down
	Keep     time.Duration // how long a peer that does not come back is remembered
	OldPrice time.Duration // how long a price holds after it was changed
	Peers    int           // how many served peers are remembered
}

// blockRoom is above the largest block of content with its frame: less could
// not be verified, and so would never be paid for.
const blockRoom = 4 << 20

// leastRate keeps a piece of a block on its way shorter than what peers take
// for silence.
const leastRate = 4 << 10

// Default returns the configuration of a node that gives freely.
func Default() Config {
	return Config{
		Window: 64 << 20, PayTime: 20 * time.Second,
		PayAt: 16 << 20, FreeAt: 1 << 30, Lag: 8 << 20, Pause: 250 * time.Millisecond,
		Rest: time.Second, FreeRest: 10 * time.Second,
		Flush: time.Second, Keep: 90 * 24 * time.Hour, OldPrice: 24 * time.Hour, Peers: 50_000,
	}
}

// Validate returns ErrConfig with the first field that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.Rate > 0 && c.Rate < leastRate || c.PeerRate > 0 && c.PeerRate < leastRate:
		return fmt.Errorf("%w: rates below %d bytes a second", ErrConfig, leastRate)
	case c.Price > payments.MaxValue:
		return fmt.Errorf("%w: price above %d", ErrConfig, payments.MaxValue)
	case c.Window < blockRoom || c.Window > 1<<40:
		return fmt.Errorf("%w: window of %d bytes, want 4 MiB to 1 TiB", ErrConfig, c.Window)
	case c.PayAt < 1 || c.FreeAt < 1 || c.Peers < 16:
		return fmt.Errorf("%w: amounts must be above zero, and peers not below 16", ErrConfig)
	case min(c.PayTime, c.Pause, c.Rest, c.FreeRest, c.Flush, c.Keep) <= 0 || c.OldPrice < 0:
		return fmt.Errorf("%w: durations must be above zero", ErrConfig)
	}
	return nil
}
