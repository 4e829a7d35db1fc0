package wire

import "infernet.tech/infernet/p2p/identity"

// CreditNote says that its author, the payer, owes the payee. Notes of one
// channel are cumulative and numbered, so that the last one alone is the debt
// and the same one twice is no second debt.
type CreditNote struct {
	Payee      identity.PubKey
	Channel    string // a word that both sides keep their account under
	Seq        uint64 // from 1, each note of the channel one more
	Cumulative uint64 // all that was ever owed on the channel, in Unit
	Amount     uint64 // what this note adds, in Unit
	Unit       string
	Ref        string // the one thing this note pays for
	// The channel the other way, as the payer has it: the last number it decided
	// and the total, so that a book that lost something shows at the next note.
	BackSeq uint64
	Back    uint64
}

// Kind returns KindCreditNote.
func (CreditNote) Kind() Kind { return KindCreditNote }

func (m CreditNote) write(c codec) { m.walk(c) }

func (m *CreditNote) walk(c codec) {
	c.pub("p", &m.Payee)
	c.str("channel", &m.Channel)
	c.u64("seq", &m.Seq)
	c.u64("cumulative", &m.Cumulative)
	c.u64("amount", &m.Amount)
	c.str("unit", &m.Unit)
	c.opt().str("ref", &m.Ref)
	c.opt().u64("back_seq", &m.BackSeq)
	c.opt().u64("back", &m.Back)
}

// Validate checks every field against its limit.
func (m CreditNote) Validate() error {
	var c checks
	c.pub("payee", m.Payee)
	c.token("channel", m.Channel)
	c.that(m.Seq > 0, "seq", "is zero")
	c.max("seq", m.Seq, maxAmount)
	c.max("cumulative", m.Cumulative, maxAmount)
	c.that(m.Amount <= m.Cumulative, "amount", "is over the cumulative sum")
	c.token("unit", m.Unit)
	c.tokenOr("ref", m.Ref)
	c.max("back_seq", m.BackSeq, maxAmount)
	c.max("back", m.Back, maxAmount)
	return c.err()
}
