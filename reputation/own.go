package reputation

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Digest makes the digest of this node's own receipts: the peers of whom it
// knows most, at most wire.MaxOpinions. Praise is of countersigned receipts
// alone: others cannot know how a one-sided one came about.
func (l *Ledger) Digest(now time.Time, network string) (wire.Digest, error) {
	peers, err := l.Peers()
	if err != nil {
		return wire.Digest{}, err
	}
	type known struct {
		wire.Opinion
		weight float64
	}
	var list []known
	for _, peer := range peers {
		err := l.with(peer, func(a *account) {
			age := max(now.Sub(a.at), 0)
			good, bad := decay(age, l.params.HalfGood), decay(age, l.params.HalfBad)
			seen := max(0, a.bad-a.heard) * bad // nobody else's word is told on
			o := wire.Opinion{
				Subject: peer, Good: wire.Quantize(a.shown * good), Bad: wire.Quantize(seen),
				Value: wire.Quantize(a.paid * good), Day: day(a.at),
			}
			if o.Good > 0 || o.Bad > 0 || o.Value > 0 {
				list = append(list, known{o, a.shown*good + seen})
			}
		})
		if err != nil {
			return wire.Digest{}, err
		}
	}
	slices.SortFunc(list, func(a, b known) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), bytes.Compare(a.Subject[:], b.Subject[:]))
	})
	d := wire.Digest{Network: network}
	for _, k := range list[:min(len(list), wire.MaxOpinions)] {
		d.Rows = append(d.Rows, k.Opinion)
	}
	slices.SortFunc(d.Rows, func(a, b wire.Opinion) int { return bytes.Compare(a.Subject[:], b.Subject[:]) })
	return d, nil
}

// day counts days since 1970.
func day(t time.Time) uint16 { return uint16(max(0, min(t.Unix()/86400, 1<<16-1))) }

// Own makes this node's digest of now from its receipts and takes it in. It
// returns ErrNothing when there is nothing to tell and nothing told to replace.
func (o *Opinions) Own(k *identity.Key, network string, now time.Time) (wire.Event, error) {
	d, err := o.ledger.Digest(now, network)
	if err != nil {
		return wire.Event{}, err
	}
	o.mu.Lock()
	_, told := o.authors[o.self]
	o.mu.Unlock()
	if len(d.Rows) == 0 && !told {
		return wire.Event{}, ErrNothing
	}
	e, err := wire.Seal(k, d, now)
	if err != nil {
		return wire.Event{}, err
	}
	_, err = o.Add(e, now)
	return e, err
}
