package wire

import "infernet.tech/infernet/p2p/identity"

// What a Verdict says of an attempt.
const (
	VerdictOK           = "ok"           // the result is right
	VerdictBad          = "bad"          // the result is wrong, by the evidence
	VerdictInconclusive = "inconclusive" // cannot tell; nobody is punished
	VerdictFailed       = "failed"       // there is no result
)

// How a result was verified, from least to most.
const (
	LabelClaimed    = "claimed"    // the provider says so
	LabelReplicated = "replicated" // independent providers agree
	LabelAudited    = "audited"    // it was computed again and compared
)

// LabelDelivered marks a Receipt of bytes that came and were held against their
// CIDs: nothing was computed.
const LabelDelivered = "delivered"

// maxEvidence bounds the documents and CIDs a Verdict points at.
const maxEvidence = 32

// Verdict is the aggregator's judgement of one attempt.
type Verdict struct {
	Job        ID
	Shard      uint32
	Attempt    uint32
	Provider   identity.PubKey
	Verdict    string   // one of the Verdict constants
	Label      string   // one of the Label constants
	Comparator string   // how results were compared; may be empty
	Reason     string   // for people; may be empty
	Evidence   []string // CIDs, or ids of documents
}

// Kind returns KindVerdict.
func (Verdict) Kind() Kind { return KindVerdict }

func (m Verdict) write(c codec) { m.walk(c) }

func (m *Verdict) walk(c codec) {
	c.slot(&m.Job, &m.Shard, &m.Attempt)
	c.pub("p", &m.Provider)
	c.str("verdict", &m.Verdict)
	c.str("label", &m.Label)
	c.opt().str("compare", &m.Comparator)
	c.opt().str("reason", &m.Reason)
	c.list("evidence", &m.Evidence)
}

// Validate checks every field against its limit.
func (m Verdict) Validate() error {
	var c checks
	c.slot(m.Job, m.Shard, m.Attempt)
	c.pub("provider", m.Provider)
	c.verdict(m.Verdict, m.Label, m.Comparator)
	c.text("reason", m.Reason, MaxText)
	unique(&c, "evidence", m.Evidence, maxEvidence)
	for _, e := range m.Evidence[:min(len(m.Evidence), maxEvidence)] {
		var id ID
		c.that(isCID(e) || parseHex(id[:], e) == nil, "evidence", "is neither a CID nor a document id")
	}
	return c.err()
}

func (c *checks) verdict(verdict, label, comparator string) {
	c.oneOf("verdict", verdict, VerdictOK, VerdictBad, VerdictInconclusive, VerdictFailed)
	c.oneOf("label", label, LabelClaimed, LabelReplicated, LabelAudited)
	c.tokenOr("compare", comparator)
}
