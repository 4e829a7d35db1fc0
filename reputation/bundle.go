package reputation

import (
	"encoding/json"

	"infernet.tech/infernet/p2p/wire"
)

// Bundle is a receipt with all that shows how it came about, for anyone to
// check without a node. As JSON it is one object of these fields.
type Bundle struct {
	Doc              wire.Event  `json:"doc"`
	Countersignature *wire.Event `json:"countersignature,omitempty"`
	Offer            *wire.Event `json:"offer,omitempty"`      // the JobOffer, or the Lease
	Commit           *wire.Event `json:"commit,omitempty"`     // the provider's
	Reveal           *wire.Event `json:"reveal,omitempty"`     // the provider's
	Disclosure       *wire.Event `json:"disclosure,omitempty"` // the payer's, with the attempt's row
	Payment          *wire.Event `json:"payment,omitempty"`    // the CreditNote, when that is how it was paid
}

// JSON returns what VerifyBundle reads.
func (b Bundle) JSON() ([]byte, error) { return json.Marshal(b) }

// Checked is a bundle whose documents hold: Verified, whose Certain and
// Uncertain go on to all that the bundle shows, and what it proves to be wrong.
type Checked struct {
	Verified
	Draw   *Draw            `json:"draw,omitempty"`   // the lottery replayed; nil when the bundle does not suffice
	Faults []string         `json:"faults,omitempty"` // broken promises, in words
	Proof  *wire.FraudProof `json:"proof,omitempty"`  // of the first fault that documents alone prove
}

// Draw is the audit lottery of one attempt as anyone can replay it.
type Draw struct {
	Ticket      uint64 `json:"ticket"`       // see wire.AuditDraw
	RatePPM     uint32 `json:"rate_ppm"`     // at which it was drawn
	PromisedPPM uint32 `json:"promised_ppm"` // least rate, by the offer
	Audited     bool   `json:"audited"`      // by the draw
	Said        bool   `json:"said"`         // by the disclosure
}

// VerifyBundle checks the JSON of a Bundle, or of a receipt as VerifyReceipt
// reads it, without asking anybody.
func VerifyBundle(raw []byte) (Checked, error) {
	v, err := VerifyReceipt(raw)
	return Checked{Verified: v}, err
}
