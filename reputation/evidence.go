package reputation

import (
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Verdict is what a piece of evidence says of a peer.
type Verdict string

// The verdicts. All but Late are those of receipts.
const (
	OK           Verdict = wire.VerdictOK           // did what was agreed: computed rightly, or paid
	Bad          Verdict = wire.VerdictBad          // delivered what is wrong
	Inconclusive Verdict = wire.VerdictInconclusive // says nothing either way
	Failed       Verdict = wire.VerdictFailed       // delivered nothing
	Late         Verdict = "late"                   // delivered after its time
	Unpaid       Verdict = "unpaid"                 // did not pay for verified work
)

// Evidence is one fact about a peer. It has no reference to a store, so that
// anyone can compute the same score from the same list.
type Evidence struct {
	Receipt       wire.ID         `json:"receipt"` // the document it comes from
	Peer          identity.PubKey `json:"peer"`    // whom it is about
	When          time.Time       `json:"when"`
	Amount        uint64          `json:"amount"` // value at stake, in Unit
	Unit          string          `json:"unit"`
	Verdict       Verdict         `json:"verdict"`
	Label         string          `json:"label"`         // a wire.Label constant
	Countersigned bool            `json:"countersigned"` // both parties signed
	Own           bool            `json:"own"`           // the one who scores signed it
	Fraud         bool            `json:"fraud"`         // the wrong proves itself: a signed contradiction
	// Delegated: it is the word of an aggregator that drove a job of the one who scores.
	Delegated bool `json:"delegated,omitempty"`

	Blame   string `json:"blame,omitempty"`    // a wire.Blame constant; empty when nobody says
	AsPayer bool   `json:"as_payer,omitempty"` // of how it paid; otherwise of how it worked
	Image   string `json:"image,omitempty"`    // what it ran, and on what
	Model   string `json:"model,omitempty"`
	Class   string `json:"class,omitempty"`
	Checked uint32 `json:"checked,omitempty"` // results that independent checks found right
}

// ownFault reports whether the evidence is of what the peer itself did wrong:
// of silence and of what cannot be told nobody is guilty.
func (e Evidence) ownFault() bool {
	switch e.Verdict {
	case Bad, Late:
		return e.Blame == "" || e.Blame == wire.BlameProvider
	case Failed:
		return e.Blame == wire.BlameProvider
	case Unpaid:
		return e.AsPayer
	}
	return e.Fraud
}
