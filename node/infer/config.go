package infer

import (
	"fmt"
	"time"

	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/infer/choose"
	"infernet.tech/infernet/payments"
)

// Config bounds what one node's requests may cost, in time and money. Default
// fills it.
type Config struct {
	// Money is in credits, or in the unit of a rail that Units says nothing of;
	// Units is the same for rails of other units.
	Money
	Units map[payments.Unit]Money

	// LeaseLife is how long a lease lasts, PayIdle after how long without a
	// request its open window is paid, Farewell how long a node that stops takes
	// at most to pay what is open.
	LeaseLife, PayIdle, Farewell time.Duration

	// FirstByte is how long the first byte may take before a second provider is
	// asked too, FirstByteMax before the request is given up. A provider whose
	// engine is cold gets three times FirstByte.
	FirstByte, FirstByteMax time.Duration
	// Idle is the longest silence between two events, Longest the longest
	// answer in time. After each Probe of silence the provider is asked whether
	// it is still there; one that does not answer twice is given up at once.
	Idle, Longest, Probe time.Duration

	// Candidates is how many providers are asked for quotes, within QuoteTime.
	Candidates int
	QuoteTime  time.Duration
	// SearchEvery and QuoteEvery are how old what is known of a model's
	// providers may be before it is renewed in the background; MaxStale is how
	// old it may be to be used at all.
	SearchEvery, QuoteEvery, MaxStale time.Duration

	// Tries is how many providers one request may be sent to before its first
	// byte; Continuations how often a deterministic stream goes on elsewhere.
	Tries, Continuations int
	// MaxEvent and MaxAnswer bound, in bytes, one event and a whole answer.
	MaxEvent, MaxAnswer int
	// Sessions is how many conversations' providers are remembered.
	Sessions int

	// Audits are of answers, by replay; see Deps.Trust.
	Audits Audits

	Choice choose.Params
}

// Audits say how often answers are replayed by others, and what that may cost.
type Audits struct {
	Policy audit.Policy
	// Least is the rate that is promised to each provider, in parts per
	// million: what is kept even when there is no money for more.
	Least uint32
	// SharePPM is how much of what an hour's answers cost, in parts per
	// million, may be spent on replays; Money.AuditFloor may be in any case. What
	// confirms a suspicion may go beyond.
	SharePPM uint32
	// Wait is how long a payment waits for audits under way.
	Wait time.Duration
	// Confirm is how many more auditors are asked, one after the other, about
	// what one of them found.
	Confirm int
	// Thresholds are those of the test, Alike where the replaying machine runs
	// the same engine on processors of the same class: there hardly anything
	// but the model can differ.
	Thresholds, Alike compare.Thresholds
}

// alike are thresholds measured with the demonstration model: of 8,000 tokens
// of a model whose weights were moved by 0.3%, no choice was off by more than
// 0.03, and at four bits of weight one in twenty is by more than 0.05.
func alike() compare.Thresholds {
	t := compare.DefaultThresholds()
	t.Alpha, t.Margin, t.Flip, t.Wrong = 1e-6, 0.05, 0.003, 0.02
	return t
}

// apart are the thresholds for all other machines. Fewer honest ones are called
// wrong than by default: here it costs a provider its standing.
func apart() compare.Thresholds {
	t := compare.DefaultThresholds()
	t.Alpha = 1e-6
	return t
}

// Default returns the configuration of an ordinary node.
func Default() Config {
	return Config{
		Money:     Money{Budget: 2000, Window: 500, PayAt: 250, HourCap: 20000, CrashAllowance: 50, AuditFloor: 100},
		Units:     moneys(),
		LeaseLife: 30 * time.Minute, PayIdle: 5 * time.Second, Farewell: 5 * time.Second,
		FirstByte: 10 * time.Second, FirstByteMax: 90 * time.Second,
		Idle: 30 * time.Second, Longest: time.Hour, Probe: 2 * time.Second,
		Candidates: 24, QuoteTime: 1500 * time.Millisecond,
		SearchEvery: 30 * time.Second, QuoteEvery: 10 * time.Second, MaxStale: 5 * time.Minute,
		Tries: 4, Continuations: 2,
		MaxEvent: 1 << 20, MaxAnswer: 64 << 20, Sessions: 4096,
		Audits: Audits{
			Policy: audit.Replays(), Least: 10_000, SharePPM: 100_000,
			Wait: 10 * time.Second, Confirm: 2, Thresholds: apart(), Alike: alike(),
		},
		Choice: choose.Default(),
	}
}

// Validate returns the first thing wrong with c, wrapping ErrConfig.
func (c Config) Validate() error {
	if err := c.Money.validate(); err != nil {
		return err
	}
	for unit, m := range c.Units {
		if err := m.validate(); err != nil {
			return fmt.Errorf("%w, in %s", err, unit)
		}
	}
	switch {
	case c.LeaseLife < time.Minute || c.PayIdle <= 0 || c.Farewell <= 0:
		return fmt.Errorf("%w: leases shorter than a minute, or no time to pay", ErrConfig)
	case c.FirstByte <= 0 || c.FirstByteMax < c.FirstByte || c.Idle <= 0 || c.Longest <= 0 || c.Probe <= 0:
		return fmt.Errorf("%w: times of an answer", ErrConfig)
	case c.Candidates < 1 || c.Tries < 1 || c.Continuations < 0 || c.Sessions < 1:
		return fmt.Errorf("%w: fewer than one candidate, try or session", ErrConfig)
	case c.QuoteTime <= 0 || c.SearchEvery <= 0 || c.QuoteEvery <= 0 || c.MaxStale < c.SearchEvery:
		return fmt.Errorf("%w: times of the search", ErrConfig)
	case c.MaxEvent < 1<<10 || c.MaxAnswer < c.MaxEvent:
		return fmt.Errorf("%w: sizes of an answer", ErrConfig)
	case c.Audits.Least > 1_000_000 || c.Audits.SharePPM > 1_000_000 || c.Audits.Wait < 0 || c.Audits.Wait > time.Minute || c.Audits.Confirm < 1:
		return fmt.Errorf("%w: audits", ErrConfig)
	}
	if err := c.Choice.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}
