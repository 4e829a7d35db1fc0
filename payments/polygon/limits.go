package polygon

// Limits are what of Config an owner may change while the rail runs; see there.
type Limits struct {
	Deposit   uint64
	MaxLocked uint64
	DayLocked uint64
}

// Limits returns those of the configuration.
func (c Config) Limits() Limits {
	return Limits{Deposit: c.Deposit, MaxLocked: c.MaxLocked, DayLocked: c.DayLocked}
}

// Limit changes how much is put into channels from now on. Deposits that were
// made, or are on their way, stay and go on counting. It returns ErrConfig, and
// changes nothing, for limits that Config.Validate refuses.
func (r *Rail) Limit(l Limits) error {
	c := r.cfg
	c.Deposit, c.MaxLocked, c.DayLocked = l.Deposit, l.MaxLocked, l.DayLocked
	if err := c.Validate(); err != nil {
		return err
	}
	r.limited.Store(&l)
	return nil
}

func (r *Rail) limits() Limits { return *r.limited.Load() }
