package reputation

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// proofKey is what one proof is kept of: who proved it first or again does not
// matter, and a thousand proofs of one fault say no more than one.
type proofKey struct {
	subject identity.PubKey
	fault   string
}

// heldProof is what is in memory of a proof. The date of the fault is the
// subject's own, so that proving it anew does not make it newer.
type heldProof struct {
	held
	author identity.PubKey
	when   int64 // date of the fault, unix seconds
}

// Fraud is a proven fault.
type Fraud struct {
	Subject identity.PubKey `json:"subject"`
	Fault   string          `json:"fault"`  // a wire.Fault constant
	When    time.Time       `json:"when"`   // by the subject's own clock
	Author  identity.PubKey `json:"author"` // who showed it
	ID      wire.ID         `json:"id"`     // of the FraudProof
}

// addProof checks the cheap things first; Decode verifies two or three
// signatures. The lock is held, so that two of one fault do not race.
func (o *Opinions) addProof(e wire.Event, now time.Time) (bool, error) {
	m, err := wire.Decode[wire.FraudProof](e)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrFalse, err)
	}
	when := m.When().Unix()
	switch {
	case when > now.Add(opinionAhead).Unix():
		return false, ErrFuture
	case when < now.Add(-o.params.FraudTime).Unix():
		return false, ErrStale
	}
	key := proofKey{m.Subject, m.Fault}
	next := heldProof{held{e.ID, e.CreatedAt}, e.PubKey, when}
	old, known := o.proofs[key]
	// One of a fault is enough: the newest fault, and of its proofs the first.
	if known && (old.when > when || old.when == when && !next.earlier(old)) {
		return false, ErrStale
	}
	if !known && len(o.proofs) >= MaxProofs && !o.dropProof(key, when) {
		return false, ErrFull
	}
	if err := o.keepProof(e, next, key, old.id); err != nil {
		return false, fmt.Errorf("%w: %w", ErrFull, err)
	}
	delete(o.ids, old.id)
	o.proofs[key], o.ids[e.ID] = next, struct{}{}
	if o.weighs(m.Subject) { // what it says of others is worth nothing now
		o.version++
	}
	return true, nil
}

// earlier is the order of proofs of the same fault, for all sets to agree.
func (p heldProof) earlier(o heldProof) bool {
	if p.at != o.at {
		return p.at < o.at
	}
	return bytes.Compare(p.id[:], o.id[:]) < 0
}

// dropProof makes room for a proof: the oldest fault of a subject that is
// nothing to this node goes, if the new one is newer or its subject matters.
func (o *Opinions) dropProof(next proofKey, when int64) bool {
	var worst proofKey
	found := false
	for k, p := range o.proofs {
		if o.weighs(k.subject) {
			continue
		}
		if w := o.proofs[worst]; !found || p.when < w.when || p.when == w.when && bytes.Compare(p.id[:], w.id[:]) < 0 {
			worst, found = k, true
		}
	}
	old := o.proofs[worst]
	if !found || !o.weighs(next.subject) && old.when >= when {
		return false
	}
	if o.forget(fraudKey(worst), old.id) != nil {
		return false
	}
	delete(o.proofs, worst)
	return true
}

// Frauds returns the proven faults of a subject, newest first; of everyone when
// it is the zero key.
func (o *Opinions) Frauds(subject identity.PubKey) (out []Fraud) {
	add := func(k proofKey, p heldProof) {
		out = append(out, Fraud{k.subject, k.fault, time.Unix(p.when, 0).UTC(), p.author, p.id})
	}
	o.mu.Lock()
	if subject.IsZero() {
		for k, p := range o.proofs {
			add(k, p)
		}
	} else if len(o.proofs) > 0 { // asked for every candidate of a match
		for _, fault := range wire.Faults() {
			if p, ok := o.proofs[proofKey{subject, fault}]; ok {
				add(proofKey{subject, fault}, p)
			}
		}
	}
	o.mu.Unlock()
	slices.SortFunc(out, func(a, b Fraud) int {
		return cmp.Or(b.When.Compare(a.When), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return out
}
