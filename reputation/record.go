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

func record(v Verified, doc wire.Event) Record {
	return Record{ID: v.ID, Receipt: v.Receipt, Author: v.Author, Signed: v.Signed, Doc: doc}
}

// about returns what the receipt says of peer in the eyes of self, and whether
// it says anything.
func (r Record) about(peer, self identity.PubKey) (Evidence, bool) {
	e := Evidence{
		Receipt: r.ID, Peer: peer, When: r.Signed, Amount: r.Receipt.Amount, Unit: r.Receipt.Unit,
		Verdict: Verdict(r.Receipt.Verdict), Label: r.Receipt.Label,
		Countersigned: r.Countersigned, Own: r.Author == self,
	}
	switch peer {
	case r.Receipt.Provider:
		return e, true
	case r.Receipt.Payer:
		// Of the payer a receipt says only that it paid; what it found of our
		// work is no merit and no fault of its own.
		return e, r.Receipt.Verdict == wire.VerdictOK && r.Receipt.Amount > 0
	}
	return Evidence{}, false
}
