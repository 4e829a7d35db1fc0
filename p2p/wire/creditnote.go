package wire

import (
	"slices"
	"strconv"

	"infernet.tech/infernet/p2p/identity"
)

// MaxLines is the most payments that one CreditNote makes.
const MaxLines = 64

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
	Ref        string // the one thing this note pays for; none where it has lines
	// The channel the other way, as the payer has it: the last number it decided
	// and the total, so that a book that lost something shows at the next note.
	BackSeq uint64
	Back    uint64
	// Lines are the things that a note for several pays for, 2 to MaxLines of
	// them, each ref once. They add up to Amount. Such a note is sent to those
	// alone whose Countersign says that they take it: others see no ref in it and
	// refuse it.
	Lines []CreditLine
}

// CreditLine is one of the things that a note pays for.
type CreditLine struct {
	Ref    string
	Amount uint64 // in the note's unit
}

// Kind returns KindCreditNote.
func (CreditNote) Kind() Kind { return KindCreditNote }

// Each returns what the note pays for, in its order: its lines, or the one thing.
func (m CreditNote) Each() []CreditLine {
	if len(m.Lines) > 0 {
		return m.Lines
	}
	return []CreditLine{{m.Ref, m.Amount}}
}

// Line returns how much the note pays for ref and what the channel's total is up
// to and with that; paid is false where it does not pay for ref.
func (m CreditNote) Line(ref string) (amount, total uint64, paid bool) {
	total = m.Cumulative - m.Amount
	for _, l := range m.Each() {
		if total += l.Amount; l.Ref == ref {
			return l.Amount, total, true
		}
	}
	return 0, 0, false
}

func (m CreditNote) same(o CreditNote) bool {
	return m.Payee == o.Payee && m.Channel == o.Channel && m.Seq == o.Seq && m.Cumulative == o.Cumulative &&
		m.Amount == o.Amount && m.Unit == o.Unit && m.Ref == o.Ref && m.BackSeq == o.BackSeq && m.Back == o.Back &&
		slices.Equal(m.Lines, o.Lines)
}

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
	c.creditLines(&m.Lines)
}

// creditLines is one tag in which refs and amounts alternate.
func (c codec) creditLines(v *[]CreditLine) {
	var pairs [][2]string
	if c.write {
		for _, l := range *v {
			pairs = append(pairs, [2]string{l.Ref, strconv.FormatUint(l.Amount, 10)})
		}
	}
	c.pairs("lines", &pairs)
	if c.write || c.err != nil || len(pairs) == 0 {
		return
	}
	lines := make([]CreditLine, 0, len(pairs)) // at most half of MaxTagValues
	for _, p := range pairs {
		lines = append(lines, CreditLine{Ref: p[0], Amount: c.parseUint("lines", p[1], 64)})
	}
	*v = lines
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
	if len(m.Lines) > 0 {
		m.checkLines(&c)
	}
	return c.err()
}

func (m CreditNote) checkLines(c *checks) {
	c.that(m.Ref == "", "ref", "beside lines")
	c.that(len(m.Lines) > 1, "lines", "is one alone")
	c.count("lines", len(m.Lines), MaxLines)
	left, seen := m.Amount, make(map[string]bool, min(len(m.Lines), MaxLines))
	for _, l := range m.Lines[:min(len(m.Lines), MaxLines)] {
		c.token("lines", l.Ref)
		c.that(!seen[l.Ref], "lines", "has a ref twice")
		c.that(l.Amount > 0, "lines", "has an amount of zero")
		c.that(l.Amount <= left, "lines", "is over the amount")
		seen[l.Ref] = true
		left -= min(l.Amount, left)
	}
	c.that(left == 0, "lines", "is under the amount")
}
