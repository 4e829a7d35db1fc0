package wire

import "infernet.tech/infernet/p2p/identity"

// Receipt records what one attempt did, what was found of it and what was paid
// for it. Its author is the aggregator that judged; with the provider's
// Countersign both stand by it. It holds without the node that made it.
type Receipt struct {
	Job        ID
	Shard      uint32
	Attempt    uint32
	Provider   identity.PubKey
	Payer      identity.PubKey
	Image      string // OCI manifest digest, sha256:…; empty for a delivery
	ModelCID   string // may be empty
	Units      uint64 // units of work done; of inference, tokens; of a delivery, bytes
	InTokens   uint64 // prompt tokens, of an inference window; may be zero
	OutTokens  uint64 // completion tokens, of an inference window; may be zero
	Amount     uint64 // paid, in Unit; 0 for nothing
	Unit       string
	Rail       string
	Verdict    string // one of the Verdict constants
	Label      string // one of the Label constants, or LabelDelivered
	Comparator string // may be empty
	Root       string // CID of the result; empty when there is none
	Commit     ID     // ids of documents; zero when there is none
	Reveal     ID
	VerdictID  ID
	PayRef     string // the payment's name on its rail; empty when none
	StartedMS  int64  // unix milliseconds
	EndedMS    int64

	Class   string // hardware class of the provider; may be empty
	Blame   string // one of the Blame constants; empty for an ok verdict or when nobody says
	Audits  uint32 // how many checks of independent others it passed; of a window, answers audited
	RatePPM uint32 // rate at which the lottery drew it, parts per million; 0: no lottery

	// A receipt stands in the chain of its author's receipts towards the other
	// party, so that leaving one out or making two of one is seen.
	Prev ID     // id of the document before it in the chain; zero for the first
	Seq  uint64 // its number in the chain, from 1; 0: in none
}

// Kind returns KindReceipt.
func (Receipt) Kind() Kind { return KindReceipt }

func (m Receipt) write(c codec) { m.walk(c) }

func (m *Receipt) walk(c codec) {
	c.slot(&m.Job, &m.Shard, &m.Attempt)
	c.pub("p", &m.Provider)
	c.pub("payer", &m.Payer)
	c.opt().str("image", &m.Image)
	c.opt().str("model_cid", &m.ModelCID)
	c.u64("units", &m.Units)
	c.opt().u64("in_tokens", &m.InTokens)
	c.opt().u64("out_tokens", &m.OutTokens)
	c.u64("amount", &m.Amount)
	c.str("unit", &m.Unit)
	c.str("rail", &m.Rail)
	c.str("verdict", &m.Verdict)
	c.str("label", &m.Label)
	c.opt().str("compare", &m.Comparator)
	c.opt().str("root", &m.Root)
	c.opt().id("commit", &m.Commit)
	c.opt().id("reveal", &m.Reveal)
	c.opt().id("verdict_id", &m.VerdictID)
	c.opt().str("pay_ref", &m.PayRef)
	c.i64("started", &m.StartedMS)
	c.i64("ended", &m.EndedMS)
	c.opt().str("class", &m.Class)
	c.opt().str("blame", &m.Blame)
	c.opt().u32("audits", &m.Audits)
	c.opt().u32("rate", &m.RatePPM)
	c.opt().id("prev", &m.Prev)
	c.opt().u64("seq", &m.Seq)
}

// Validate checks every field against its limit, and that money goes to right
// results alone.
func (m Receipt) Validate() error {
	var c checks
	c.slot(m.Job, m.Shard, m.Attempt)
	c.pub("provider", m.Provider)
	c.pub("payer", m.Payer)
	label := m.Label
	if label == LabelDelivered {
		c.that(m.Units > 0 && m.Image == "" && m.ModelCID == "", "label", "tells of bytes alone")
		label = LabelClaimed
	} else {
		c.digest("image", m.Image)
	}
	c.cidOr("model_cid", m.ModelCID)
	c.max("units", m.Units, maxAmount)
	c.max("in_tokens", m.InTokens, maxTokens)
	c.max("out_tokens", m.OutTokens, maxTokens)
	c.max("amount", m.Amount, maxAmount)
	c.money(m.Unit, m.Rail)
	if m.Verdict == VerdictUnpaid {
		c.that(m.Blame == BlameClient, "blame", "of an unpaid receipt is the client's")
		c.verdict(VerdictFailed, label, m.Comparator)
	} else {
		c.verdict(m.Verdict, label, m.Comparator)
	}
	c.that(m.Amount == 0 || m.Verdict == VerdictOK, "amount", "is paid for a result that is not ok")
	c.cidOr("root", m.Root)
	c.tokenOr("pay_ref", m.PayRef)
	c.span(m.StartedMS, m.EndedMS)
	c.tokenOr("class", m.Class)
	c.blame(m.Verdict, m.Blame)
	c.max("audits", uint64(m.Audits), maxShards)
	c.ppm("rate", m.RatePPM)
	c.max("seq", m.Seq, maxAmount)
	c.that((m.Seq > 1) != m.Prev.IsZero(), "prev", "does not fit the number in the chain")
	return c.err()
}
