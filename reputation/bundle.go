package reputation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"infernet.tech/infernet/p2p/wire"
)

// Bundle is a receipt with all that shows how it came about, for anyone to
// check without a node. As JSON it is one object of these fields, of which all
// but the first may be absent.
type Bundle struct {
	Doc              wire.Event  `json:"doc"`
	Countersignature *wire.Event `json:"countersignature,omitempty"`
	Offer            *wire.Event `json:"offer,omitempty"`      // the JobOffer, or the Lease
	Commit           *wire.Event `json:"commit,omitempty"`     // the provider's
	Request          *wire.Event `json:"request,omitempty"`    // the payer's RevealRequest
	Reveal           *wire.Event `json:"reveal,omitempty"`     // the provider's
	Disclosure       *wire.Event `json:"disclosure,omitempty"` // the payer's, with the attempt's row
	Payment          *wire.Event `json:"payment,omitempty"`    // the payer's CreditNote, when that is how it was paid
	Taken            *wire.Event `json:"taken,omitempty"`      // the provider's Countersign of that note
}

// Bundle is the receipt with its countersignature and what was held of its
// attempt, each of which may be nil. A document that the receipt does not name
// says nothing of it and is left out, and what hangs on that with it.
func (rec Record) Bundle(commit, request, reveal *wire.Event) Bundle {
	b := Bundle{Doc: rec.Doc}
	if rec.Countersigned {
		b.Countersignature = &rec.By
	}
	if commit == nil || commit.ID != rec.Receipt.Commit {
		return b
	}
	b.Commit, b.Request = commit, request
	if reveal != nil && reveal.ID == rec.Receipt.Reveal {
		b.Reveal = reveal
	}
	return b
}

// JSON returns what VerifyBundle reads.
func (b Bundle) JSON() ([]byte, error) { return json.Marshal(b) }

// maxBundle is the most bytes of a bundle: each document at its limit, and
// line breaks between them.
const maxBundle = 10 * wire.MaxEvent

// parseBundle reads the JSON of a bundle as strictly as wire.Parse reads an
// event: known fields, each once, each event whole and signed.
func parseBundle(raw []byte) (b Bundle, err error) {
	if len(raw) > maxBundle {
		return b, fmt.Errorf("%w: %d bytes, at most %d", ErrReceipt, len(raw), maxBundle)
	}
	fields, err := object(raw)
	if err != nil {
		return b, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	var doc *wire.Event
	for name, at := range map[string]**wire.Event{
		"doc": &doc, "countersignature": &b.Countersignature, "offer": &b.Offer, "commit": &b.Commit, "request": &b.Request,
		"reveal": &b.Reveal, "disclosure": &b.Disclosure, "payment": &b.Payment, "taken": &b.Taken,
	} {
		text, ok := fields[name]
		if !ok {
			continue
		}
		delete(fields, name)
		e, err := wire.Parse(text)
		if err != nil {
			return b, fmt.Errorf("%w: %s: %w", ErrReceipt, name, err)
		}
		*at = &e
	}
	for name := range fields {
		return b, fmt.Errorf("%w: unknown field %.32q", ErrReceipt, name)
	}
	if doc == nil {
		return b, fmt.Errorf("%w: no receipt in it", ErrReceipt)
	}
	b.Doc = *doc
	return b, nil
}

// object reads the fields of one JSON object and nothing after it. The standard
// decoder would take a field twice.
func object(raw []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	out := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if _, twice := out[name]; twice || len(out) == 16 {
			return nil, fmt.Errorf("field %.32q is one too many", name)
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		out[name] = v
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if rest := bytes.TrimSpace(raw[d.InputOffset():]); len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes after it", len(rest))
	}
	return out, nil
}

// Checked is a bundle whose documents hold and belong together: Verified, whose
// Certain and Uncertain go on to all that the bundle shows, and what it proves
// to be wrong.
type Checked struct {
	Verified
	Draw   *Draw            `json:"draw,omitempty"`   // the lottery replayed; nil when the bundle does not suffice
	Noted  bool             `json:"noted,omitempty"`  // payer and provider both signed that the amount is owed
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
// reads it, without asking anybody: the signatures, that the documents are of
// this attempt and of its parties, that the commit opens to the result, that
// the secret is the one whose hash was offered, that the lottery went as it
// was said to and the rate was as promised. Errors are ErrReceipt, for what
// does not belong together; what its own authors did wrong is in Faults.
func VerifyBundle(raw []byte) (Checked, error) {
	raw = bytes.TrimSpace(raw)
	e, alone := wire.Parse(raw)
	if alone == nil {
		return Bundle{Doc: e}.Verify()
	}
	b, err := parseBundle(raw)
	switch {
	case err == nil:
		return b.Verify()
	case !bytes.Contains(raw[:min(len(raw), maxBundle)], []byte(`"doc"`)): // the shape tells which one was meant
		err = fmt.Errorf("%w: %w", ErrReceipt, alone)
	}
	return Checked{}, err
}

// Verify is VerifyBundle of documents that are already read and verified.
func (b Bundle) Verify() (Checked, error) {
	c := check{Bundle: b}
	var err error
	if b.Countersignature != nil {
		c.Verified, err = verifyPair(wire.Countersigned{Doc: b.Doc, By: *b.Countersignature})
	} else {
		c.Verified, err = verifyAlone(b.Doc)
	}
	for _, step := range []func() error{c.offer, c.commit, c.reveal, c.disclosure, c.payment} {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		return Checked{}, err
	}
	return c.Checked, nil
}
