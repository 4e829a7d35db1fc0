package payments

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"infernet.tech/infernet/store"
)

// One signed promise may make several payments, and one answer settle them. The
// two are then kept once, under "shared/RAIL/ID", the promise with its length
// before it; the entries have the id.
func (j *Journal) sharedKey(id []byte) []byte {
	return append([]byte("shared/"+j.rail+"/"), id...)
}

// sharedSize is the id of a promise in bytes.
const sharedSize = 32

// sharedID returns nothing for nothing, and ErrSyntax for what is no id in hex.
func sharedID(s string) ([]byte, error) {
	if s == "" {
		return nil, nil
	}
	id, err := hex.DecodeString(s)
	if err != nil || len(id) != sharedSize || hex.EncodeToString(id) != s {
		return nil, fmt.Errorf("id of a promise %.70q: %w", s, ErrSyntax)
	}
	return id, nil
}

// Share writes down a promise that several entries name as their Shared, with
// the answer to it once there is one.
func (j *Journal) Share(tx store.Txn, id string, doc, answer []byte) error {
	key, err := sharedID(id)
	if err != nil || key == nil || len(doc) == 0 {
		return errors.Join(err, fmt.Errorf("share %.70q: %w", id, ErrSyntax))
	}
	b := binary.AppendUvarint(make([]byte, 0, len(doc)+len(answer)+4), uint64(len(doc)))
	return tx.Set(j.sharedKey(key), append(append(b, doc...), answer...))
}

// Evidence returns the promise and the answer of e, its own or those it shares
// with others; what there is none of is nil.
func (j *Journal) Evidence(r store.Reader, e Entry) (doc, answer []byte, err error) {
	key, err := sharedID(e.Shared)
	if err != nil || key == nil {
		return e.Doc, e.Answer, err
	}
	raw, err := r.Get(j.sharedKey(key))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: promise of %s: %w", ErrCorrupt, e.Ref, err)
	}
	d := decoder{b: raw}
	doc = d.data(d.uint())
	answer = d.data(uint64(len(d.b)))
	if d.err != nil {
		return nil, nil, fmt.Errorf("%w: promise of %s: %w", ErrCorrupt, e.Ref, d.err)
	}
	return doc, answer, nil
}

// EvidenceOf is Evidence in a transaction of its own.
func (j *Journal) EvidenceOf(e Entry) (doc, answer []byte, err error) {
	err = j.s.View(func(r store.Reader) error {
		doc, answer, err = j.Evidence(r, e)
		return err
	})
	return doc, answer, err
}
