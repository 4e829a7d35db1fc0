package wire

// MaxInvoice is the most bytes of a payment request (BOLT 11).
const MaxInvoice = 2 << 10

// maxExpiry is the longest life of an invoice in seconds: thirty days.
const maxExpiry = 30 * 24 * 3600

// InvoiceAsk asks the payee for an invoice: for a window of countersigned notes,
// from one total of the channel to a later one, or for a single payment that is
// locked before the work, by a hash whose preimage the payer drew.
type InvoiceAsk struct {
	Rail    string
	Channel string // as the notes name it
	Seq     uint64 // of the window's last note
	From    uint64 // total of the channel before the window, in the rail's unit
	To      uint64 // total after it
	Root    ID     // the chain of notes up to Seq
	Hold    ID     // SHA-256 of the preimage; zero for a window
	Ref     string // the one payment a hold is for; empty for a window
	Amount  uint64 // To-From, or of the payment
	Expiry  uint64 // for how long the invoice shall be good, in seconds
}

// Kind returns KindInvoiceAsk.
func (InvoiceAsk) Kind() Kind { return KindInvoiceAsk }

func (m InvoiceAsk) write(c codec) { m.walk(c) }

func (m *InvoiceAsk) walk(c codec) {
	c.str("rail", &m.Rail)
	c.str("channel", &m.Channel)
	c.opt().u64("seq", &m.Seq)
	c.opt().u64("from", &m.From)
	c.opt().u64("to", &m.To)
	c.opt().id("root", &m.Root)
	c.opt().id("hold", &m.Hold)
	c.opt().str("ref", &m.Ref)
	c.u64("amount", &m.Amount)
	c.u64("expiry", &m.Expiry)
}

// Validate checks every field against its limit, and that it is one of the two.
func (m InvoiceAsk) Validate() error {
	var c checks
	c.token("rail", m.Rail)
	c.token("channel", m.Channel)
	c.max("seq", m.Seq, maxAmount)
	c.max("to", m.To, maxAmount)
	c.that(m.From <= m.To, "from", "is after the window's end")
	c.that(m.Amount > 0, "amount", "is zero")
	c.max("amount", m.Amount, maxAmount)
	c.that(m.Expiry > 0 && m.Expiry <= maxExpiry, "expiry", "is out of range")
	if m.Hold.IsZero() {
		c.that(m.Ref == "", "ref", "is for a hold alone")
		c.that(m.Seq > 0 && !m.Root.IsZero(), "window", "has no notes")
		c.that(m.From <= m.To && m.Amount == m.To-m.From, "amount", "is not the window's")
		return c.err()
	}
	c.token("ref", m.Ref)
	c.that(m.Seq == 0 && m.From == 0 && m.To == 0 && m.Root.IsZero(), "hold", "has a window too")
	return c.err()
}

// Invoice answers an InvoiceAsk.
type Invoice struct {
	Ask    ID     // the InvoiceAsk
	Bolt11 string // of at most MaxInvoice bytes; its reader checks what it says
	Amount uint64 // as asked, in the rail's unit
}

// Kind returns KindInvoice.
func (Invoice) Kind() Kind { return KindInvoice }

func (m Invoice) write(c codec) { m.walk(c) }

func (m *Invoice) walk(c codec) {
	c.id("e", &m.Ask)
	c.str("bolt11", &m.Bolt11)
	c.u64("amount", &m.Amount)
}

// Validate checks every field against its limit.
func (m Invoice) Validate() error {
	var c checks
	c.id("ask", m.Ask)
	c.that(m.Bolt11 != "" && len(m.Bolt11) <= MaxInvoice && isBech32(m.Bolt11), "bolt11", "is no payment request")
	c.that(m.Amount > 0, "amount", "is zero")
	c.max("amount", m.Amount, maxAmount)
	return c.err()
}

// isBech32 takes lower-case letters and digits: an invoice has one spelling here.
func isBech32(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
