package wire

// Lease agrees to an InferQuote: from then on requests that name it are
// answered and metered. A client says it on /infernet/job/1.
type Lease struct {
	Quote    ID // id of the InferQuote's document
	Job      ID // the lease's name
	Model    string
	In       uint64 // per million prompt tokens, as quoted, in Unit
	Out      uint64 // per million completion tokens, as quoted, in Unit
	Unit     string
	Rail     string
	Budget   uint64 // the most that all windows together may cost, in Unit
	Window   uint64 // the most that one window may cost, in Unit
	Deadline int64  // no request begins after it, unix seconds

	AuditCommit ID     // hash of the secret that draws audits; may be zero
	AuditMin    uint32 // least rate of audits promised, parts per million; 0: none
}

// Kind returns KindLease.
func (Lease) Kind() Kind { return KindLease }

func (m Lease) write(c codec) { m.walk(c) }

func (m *Lease) walk(c codec) {
	c.id("quote", &m.Quote)
	c.id("job", &m.Job)
	c.str("model", &m.Model)
	c.u64("in", &m.In)
	c.u64("out", &m.Out)
	c.str("unit", &m.Unit)
	c.str("rail", &m.Rail)
	c.u64("budget", &m.Budget)
	c.u64("window", &m.Window)
	c.i64("deadline", &m.Deadline)
	c.opt().id("audit", &m.AuditCommit)
	c.opt().u32("audit_min", &m.AuditMin)
}

// Validate checks every field against its limit.
func (m Lease) Validate() error {
	var c checks
	c.id("quote", m.Quote)
	c.id("job", m.Job)
	c.cid("model", m.Model)
	c.tokenRate(m.In, m.Out)
	c.money(m.Unit, m.Rail)
	c.that(m.Budget > 0, "budget", "is zero")
	c.max("budget", m.Budget, maxAmount)
	c.that(m.Window > 0 && m.Window <= m.Budget, "window", "is zero or over the budget")
	c.unix("deadline", m.Deadline)
	c.promise(m.AuditCommit, m.AuditMin)
	return c.err()
}

// Window states what a client owes for the requests of a lease since the
// window before: its own count, which the provider holds against its meter. A
// client says it on /infernet/job/1 and then pays Amount.
type Window struct {
	Job       ID     // the lease's name
	Seq       uint32 // from 0, without a gap
	Requests  uint64 // in this window
	InTokens  uint64 // prompt tokens of this window
	OutTokens uint64 // completion tokens of this window
	TotalIn   uint64 // prompt tokens of the lease, this window included
	TotalOut  uint64 // completion tokens of the lease, this window included
	Amount    uint64 // price of the totals less price of the totals before, in Unit
	Unit      string
	Rail      string
	Last      bool // the lease ends with this window
}

// Kind returns KindWindow.
func (Window) Kind() Kind { return KindWindow }

func (m Window) write(c codec) { m.walk(c) }

func (m *Window) walk(c codec) {
	c.id("job", &m.Job)
	c.u32("seq", &m.Seq)
	c.u64("requests", &m.Requests)
	c.u64("in_tokens", &m.InTokens)
	c.u64("out_tokens", &m.OutTokens)
	c.u64("total_in", &m.TotalIn)
	c.u64("total_out", &m.TotalOut)
	c.u64("amount", &m.Amount)
	c.str("unit", &m.Unit)
	c.str("rail", &m.Rail)
	c.flag("last", &m.Last)
}

// Validate checks every field against its limit, and that the window is a part
// of the totals.
func (m Window) Validate() error {
	var c checks
	c.id("job", m.Job)
	c.that(m.Seq < maxShards, "seq", "is out of range")
	c.max("requests", m.Requests, maxAmount)
	c.max("in_tokens", m.InTokens, m.TotalIn)
	c.max("out_tokens", m.OutTokens, m.TotalOut)
	c.max("total_in", m.TotalIn, maxTokens)
	c.max("total_out", m.TotalOut, maxTokens)
	c.that(m.Seq > 0 || m.InTokens == m.TotalIn && m.OutTokens == m.TotalOut, "totals", "are not those of a first window")
	c.max("amount", m.Amount, maxAmount)
	c.money(m.Unit, m.Rail)
	return c.err()
}
