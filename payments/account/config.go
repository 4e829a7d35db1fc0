package account

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// Conn is one connection to a peer, already authenticated. Closing it must end
// a Read that waits. Where it has SetDeadline or Reset, they are used.
type Conn = io.ReadWriteCloser

// Dialer opens a Conn to a peer's ServeStream.
type Dialer func(ctx context.Context, peer identity.PubKey) (Conn, error)

// Config is what a rail is and what an operator decides about giving and taking
// credit on it. All amounts are in Unit.
type Config struct {
	Name string        // of the rail, in quotes, receipts and channels
	Unit payments.Unit // the only one it carries
	// Net is set where debts both ways cancel out and are never made good in any
	// other way, as on credit. Without it each direction is by itself.
	Net bool
	// Books says what entries mean for the accounts of the journal; nil:
	// payments.Books.
	Books     payments.Rule
	Limit     uint64                     // how much a peer may owe us
	Limits    map[identity.PubKey]uint64 // the same for single peers, instead of Limit and Growth
	Growth    *Growth                    // how the limit of others grows; nil: it does not
	Ceiling   uint64                     // how much we let ourselves owe one peer
	Accounts  int                        // with how many peers at most
	Exchange  time.Duration              // how long a note and its answer may take
	Reconcile time.Duration              // how often Run looks at what is open
	ExpectFor time.Duration              // after how long Run waives an expected payment
	Overdue   time.Duration              // after how long a debt is called overdue; zero: DefaultOverdue
}

// DefaultOverdue is how old a debt may become before it is shown as overdue.
const DefaultOverdue = 30 * 24 * time.Hour

// Growth lets a peer's limit grow with what was settled with it: PerMille
// thousandths of all that was made good over the time Over, but no less than
// Least and no more than Most. On a rail that nets, made good is what one side
// owed and the other cancelled by owing in its turn.
type Growth struct {
	Least, Most uint64
	PerMille    uint64
	Over        time.Duration
}

// Default returns limits that suit strangers, for a rail of that name and unit:
// little credit, patience of a day.
func Default(name string, unit payments.Unit) Config {
	return Config{
		Name: name, Unit: unit, Limit: 10_000, Ceiling: 10_000, Accounts: 10_000,
		Exchange: 20 * time.Second, Reconcile: 30 * time.Second, ExpectFor: 24 * time.Hour,
		Overdue: DefaultOverdue,
	}
}

// maxName is the longest name of a rail in bytes.
const maxName = 32

// Validate returns ErrConfig with the first field that makes no sense.
func (c Config) Validate() error {
	if ref := payments.Ref(c.Name); ref.Validate() != nil || len(c.Name) > maxName || strings.Contains(c.Name, "/") {
		return fmt.Errorf("%w: name %.40q", ErrConfig, c.Name)
	}
	if err := c.Unit.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if c.Limit > payments.MaxValue || c.Ceiling > payments.MaxValue {
		return fmt.Errorf("%w: limit above %d", ErrConfig, payments.MaxValue)
	}
	for peer, limit := range c.Limits {
		if limit > payments.MaxValue {
			return fmt.Errorf("%w: limit of %s above %d", ErrConfig, peer.Short(), payments.MaxValue)
		}
	}
	if g := c.Growth; g != nil && (g.Least > g.Most || g.Most > payments.MaxValue || g.PerMille > maxPerMille || g.Over < time.Hour) {
		return fmt.Errorf("%w: growth %+v", ErrConfig, *g)
	}
	if c.Accounts < 1 || c.Exchange <= 0 || c.Reconcile <= 0 || c.ExpectFor <= 0 || c.Overdue < 0 {
		return fmt.Errorf("%w: accounts and durations must be above zero", ErrConfig)
	}
	return nil
}

// maxPerMille is a limit of twice what was settled.
const maxPerMille = 2_000

func (c Config) overdue() time.Duration {
	if c.Overdue == 0 {
		return DefaultOverdue
	}
	return c.Overdue
}

func (c Config) rule() payments.Rule {
	if c.Books == nil {
		return payments.Books
	}
	return c.Books
}

// limit is how much the peer of that account may owe at that time.
func (c Config) limit(peer identity.PubKey, a account, now time.Time) uint64 {
	if l, ok := c.Limits[peer]; ok {
		return l
	}
	if c.Growth == nil {
		return c.Limit
	}
	return c.Growth.limit(a.History, now)
}
