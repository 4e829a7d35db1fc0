package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
)

// checkedReceipt is one line of receipt verify.
type checkedReceipt struct {
	Valid     bool       `json:"valid"`
	File      string     `json:"file,omitempty"`   // it is in, "-" for stdin
	Entry     int        `json:"entry,omitempty"`  // its place in that file, from 1, where there are several
	Reason    string     `json:"reason,omitempty"` // why it is no receipt at all
	ID        string     `json:"id,omitempty"`
	Job       string     `json:"job,omitempty"`
	Shard     uint32     `json:"shard"`
	Attempt   uint32     `json:"attempt"`
	Payer     string     `json:"payer,omitempty"`
	Judge     string     `json:"judge,omitempty"` // the aggregator that signed it
	Provider  string     `json:"provider,omitempty"`
	Amount    api.Amount `json:"amount"`
	Rail      string     `json:"rail,omitempty"`
	PayRef    string     `json:"pay_ref,omitempty"`
	Verdict   string     `json:"verdict,omitempty"`
	Label     string     `json:"label,omitempty"`
	Class     string     `json:"class,omitempty"`
	Blame     string     `json:"blame,omitempty"`
	Audits    uint32     `json:"audits,omitempty"`
	Noted     bool       `json:"noted,omitempty"`  // both signed that the amount is owed
	Signed    string     `json:"signed,omitempty"` // both | judge
	Seq       uint64     `json:"seq,omitempty"`
	Lottery   *lottery   `json:"lottery,omitempty"` // nil when its documents are not there
	Faults    []string   `json:"faults,omitempty"`  // promises broken, by the documents
	Proof     string     `json:"proof,omitempty"`   // the kind of fraud that they prove
	Certain   []string   `json:"certain,omitempty"`
	Uncertain []string   `json:"uncertain,omitempty"`

	doc wire.Event
}

// lottery is the audit lottery of one attempt, drawn again.
type lottery struct {
	Ticket   string  `json:"ticket"`   // the first 8 bytes of the draw, in hexadecimal: out of 2^64
	Rate     float64 `json:"rate"`     // at which it was drawn
	Promised float64 `json:"promised"` // least rate, by the offer
	Audited  bool    `json:"audited"`  // by the draw
	Said     bool    `json:"said"`     // by who drew
}

// text tells the draw for people.
func (l lottery) text() string {
	drawn := func(yes bool) string {
		if yes {
			return "chosen for an audit"
		}
		return "not chosen for an audit"
	}
	as := "as was said"
	if l.Audited != l.Said {
		as = "but it was said to be " + drawn(l.Said)
	}
	return fmt.Sprintf("ticket %s at a rate of %s, at least %s promised: %s, %s", l.Ticket, percentText(l.Rate), percentText(l.Promised), drawn(l.Audited), as)
}

// checkReceipt judges one document, as reputation.VerifyBundle does: the
// signatures, the parties, what the fields say of each other, and where the
// documents of the attempt are there, the promises.
func checkReceipt(raw []byte) checkedReceipt {
	compact := &bytes.Buffer{}
	if err := json.Compact(compact, raw); err != nil {
		return checkedReceipt{Reason: err.Error()}
	}
	bare := bareReceipt(compact.Bytes())
	v, err := reputation.VerifyBundle(bare)
	if err != nil {
		return checkedReceipt{Reason: err.Error()}
	}
	c := toldReceipt(v)
	if c.doc, err = documentOf(bare); err != nil {
		return checkedReceipt{Reason: err.Error()}
	}
	return c
}

func toldReceipt(v reputation.Checked) checkedReceipt {
	r := v.Receipt
	c := checkedReceipt{
		Valid: len(v.Faults) == 0, ID: v.ID.String(), Job: r.Job.String(), Shard: r.Shard, Attempt: r.Attempt,
		Payer: r.Payer.String(), Judge: v.Author.String(), Provider: r.Provider.String(),
		Amount: api.Amount{Amount: r.Amount, Unit: r.Unit}, Rail: r.Rail, PayRef: r.PayRef, Verdict: r.Verdict, Label: r.Label,
		Class: r.Class, Blame: r.Blame, Audits: r.Audits, Signed: "judge", Seq: r.Seq, Noted: v.Noted,
		Faults: v.Faults, Certain: v.Certain, Uncertain: v.Uncertain,
	}
	if v.Countersigned {
		c.Signed = "both"
	}
	if v.Proof != nil {
		c.Proof = v.Proof.Fault
	}
	if d := v.Draw; d != nil {
		c.Lottery = &lottery{
			Ticket: fmt.Sprintf("%016x", d.Ticket), Rate: float64(d.RatePPM) / 1e6, Promised: float64(d.PromisedPPM) / 1e6,
			Audited: d.Audited, Said: d.Said,
		}
	}
	return c
}

// documentOf is the receipt itself in what was verified.
func documentOf(raw []byte) (wire.Event, error) {
	var parts struct {
		Doc json.RawMessage `json:"doc"`
	}
	if json.Unmarshal(raw, &parts) == nil && parts.Doc != nil {
		raw = parts.Doc
	}
	return wire.Parse(raw)
}

// bareReceipt takes the wrapping off a receipt that nobody has countersigned
// and that comes with no other document.
func bareReceipt(raw []byte) []byte {
	var parts map[string]json.RawMessage
	if json.Unmarshal(raw, &parts) != nil || parts["doc"] == nil {
		return raw
	}
	for name, part := range parts {
		if name != "doc" && (name != "countersignature" || string(part) != "null") {
			return raw
		}
	}
	return parts["doc"]
}
