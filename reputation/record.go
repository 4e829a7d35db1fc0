package reputation

import (
	"encoding/json"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Record is a receipt as the ledger keeps it.
type Record struct {
	ID            wire.ID
	Receipt       wire.Receipt
	Author        identity.PubKey
	Signed        time.Time // by the author's clock
	Countersigned bool
	Doc           wire.Event
	By            wire.Event // the countersignature; zero when one-sided
}

// JSON returns what VerifyReceipt reads.
func (r Record) JSON() []byte {
	if r.Countersigned {
		return wire.Countersigned{Doc: r.Doc, By: r.By}.Bytes()
	}
	return r.Doc.Bytes()
}

// stored is the form in the store.
type stored struct {
	Doc json.RawMessage `json:"doc"`
	By  json.RawMessage `json:"by,omitempty"`
}

func (r Record) encode() ([]byte, error) {
	s := stored{Doc: r.Doc.Bytes()}
	if r.Countersigned {
		s.By = r.By.Bytes()
	}
	return json.Marshal(s)
}

func decodeRecord(raw []byte) (Record, error) {
	var s stored
	if err := json.Unmarshal(raw, &s); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	doc, err := wire.Parse(s.Doc)
	if err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	v, err := read(doc)
	if err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	rec := record(v, doc)
	if len(s.By) > 0 {
		if rec.By, err = wire.Parse(s.By); err != nil {
			return Record{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		rec.Countersigned = true
	}
	return rec, nil
}

// alike decodes the stored record of the same document.
func (r Record) alike(raw []byte) (Record, error) {
	var s stored
	if err := json.Unmarshal(raw, &s); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if len(s.By) > 0 {
		return decodeRecord(raw)
	}
	r.Countersigned, r.By = false, wire.Event{}
	return r, nil
}

func record(v Verified, doc wire.Event) Record {
	return Record{ID: v.ID, Receipt: v.Receipt, Author: v.Author, Signed: v.Signed, Doc: doc}
}

// about returns what the receipt says of peer in the eyes of self, and whether
// it says anything.
func (r Record) about(peer, self identity.PubKey) (Evidence, bool) {
	m := r.Receipt
	e := Evidence{
		Receipt: r.ID, Peer: peer, When: r.Signed, Amount: m.Amount, Unit: m.Unit,
		Verdict: Verdict(m.Verdict), Label: m.Label, Blame: m.Blame,
		Countersigned: r.Countersigned, Own: r.Author == self, Delegated: self != m.Provider && self != m.Payer,
	}
	switch {
	case e.Delegated && peer == m.Provider:
		e.Image, e.Model, e.Class = m.Image, m.ModelCID, m.Class
		// Whose task it is knows whether honest results of it may differ; the
		// aggregator could not tell, and blamed nobody.
		if e.Verdict == Bad && e.Blame == wire.BlameInconclusive {
			e.Blame = wire.BlameProvider
		}
		return e, true
	case e.Delegated:
	case peer == m.Provider:
		e.Image, e.Model, e.Class = m.Image, m.ModelCID, m.Class
		e.Checked = checked(m)
		return e, m.Verdict != wire.VerdictUnpaid
	case peer == m.Payer:
		// Of the payer a receipt says only whether it paid; what it found of
		// our work is no merit and no fault of its own.
		e.AsPayer = true
		return e, m.Verdict == wire.VerdictOK && m.Amount > 0 || m.Verdict == wire.VerdictUnpaid
	}
	return Evidence{}, false
}

// checked is how many results an independent check found right.
func checked(m wire.Receipt) uint32 {
	switch {
	case m.Verdict != wire.VerdictOK || m.Label == wire.LabelDelivered:
		return 0
	case m.InTokens+m.OutTokens > 0: // of a window only the answers drawn
		return m.Audits
	case m.Label == wire.LabelClaimed:
		return 0
	}
	return 1
}

// other is the party that is not the author.
func (r Record) other() identity.PubKey {
	if r.Author == r.Receipt.Provider {
		return r.Receipt.Payer
	}
	return r.Receipt.Provider
}

// sameTale reports whether two receipts say the same, wherever they stand in
// their chain.
func sameTale(a, b wire.Receipt) bool {
	a.Prev, a.Seq, b.Prev, b.Seq = wire.ID{}, 0, wire.ID{}, 0
	return a == b
}
