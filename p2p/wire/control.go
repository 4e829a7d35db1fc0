package wire

// Cancel withdraws an Accept, or all that a peer runs of a job.
type Cancel struct {
	Job     ID
	Shard   int64  // -1 for all
	Attempt int64  // -1 for all
	Reason  string // for people; may be empty
}

// Kind returns KindCancel.
func (Cancel) Kind() Kind { return KindCancel }

func (m Cancel) write(c codec) { m.walk(c) }

func (m *Cancel) walk(c codec) {
	c.id("job", &m.Job)
	c.i64("shard", &m.Shard)
	c.i64("attempt", &m.Attempt)
	c.opt().str("reason", &m.Reason)
}

// Validate checks every field against its limit.
func (m Cancel) Validate() error {
	var c checks
	c.id("job", m.Job)
	c.that(m.Shard >= -1 && m.Shard < maxShards, "shard", "is out of range")
	c.that(m.Attempt >= -1 && m.Attempt < maxAttempts, "attempt", "is out of range")
	c.that(m.Shard >= 0 || m.Attempt == -1, "attempt", "is given without a shard")
	c.text("reason", m.Reason, MaxText)
	return c.err()
}

// Error is the answer to a document that cannot be served.
type Error struct {
	Ref     ID     // id of the document answered; zero when it was unreadable
	Code    string // a word that programs branch on
	Text    string // for people; may be empty
	RetryMS uint64 // when to ask again; 0 for never
}

// Kind returns KindError.
func (Error) Kind() Kind { return KindError }

func (m Error) write(c codec) { m.walk(c) }

func (m *Error) walk(c codec) {
	c.opt().id("e", &m.Ref)
	c.str("code", &m.Code)
	c.opt().str("text", &m.Text)
	c.opt().u64("retry", &m.RetryMS)
}

// Validate checks every field against its limit.
func (m Error) Validate() error {
	var c checks
	c.token("code", m.Code)
	c.text("text", m.Text, MaxText)
	c.max("retry", m.RetryMS, maxDurationMS)
	return c.err()
}

// What a Progress reports, or, for StateLogs, asks for.
const (
	StateAccepted = "accepted"
	StateFetching = "fetching"
	StateRunning  = "running"
	StateLogs     = "logs"
)

// Progress tells that an attempt is alive and how far it is. With StateLogs it
// is the first frame of a log stream and asks for the attempt's output.
type Progress struct {
	Job     ID
	Shard   uint32
	Attempt uint32
	State   string // one of the State constants
	Detail  string // for people; may be empty
}

// Kind returns KindProgress.
func (Progress) Kind() Kind { return KindProgress }

func (m Progress) write(c codec) { m.walk(c) }

func (m *Progress) walk(c codec) {
	c.slot(&m.Job, &m.Shard, &m.Attempt)
	c.str("state", &m.State)
	c.opt().str("detail", &m.Detail)
}

// Validate checks every field against its limit.
func (m Progress) Validate() error {
	var c checks
	c.slot(m.Job, m.Shard, m.Attempt)
	c.oneOf("state", m.State, StateAccepted, StateFetching, StateRunning, StateLogs)
	c.text("detail", m.Detail, MaxText)
	return c.err()
}
