package gossip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"infernet.tech/infernet/p2p/identity"
)

const (
	maxRounds = 24 // of questions; a set of 20,000 needs three or four
	// roomFor is how many bytes of a session count for one document wanted or
	// offered: most are larger.
	roomFor = 1 << 10
)

// asking is the side of a session that began it.
type asking struct {
	*talk
	g     *Gossip
	peer  identity.PubKey
	view  *view
	stats SyncStats
	have  [][32]byte // what the peer lacks
	need  [][32]byte // what it has
}

// run makes the two sets equal, as far as the limit goes.
func (a *asking) run() error {
	if err := a.compare(); err != nil {
		return err
	}
	if len(a.have)+len(a.need) == 0 {
		return nil
	}
	if err := a.request(); err != nil {
		return err
	}
	wanted, err := a.collect()
	if err != nil {
		return err
	}
	if err := a.give(wanted); err != nil {
		return err
	}
	unsaid, err := a.turn(func(kind byte, _ []byte) error { return unexpected(kind) })
	a.stats.Limited = a.stats.Limited || unsaid
	return err
}

// compare finds the difference, the newest first, a question and an answer at a
// time, until there is as much as the session can carry.
func (a *asking) compare() error {
	size, room := min(maxBody, int(a.limit/8)), a.left()/roomFor
	known := make(map[[32]byte]struct{})
	fresh := func(ids [][32]byte) (out [][32]byte) {
		for _, id := range ids { // a peer may name one twice
			if _, twice := known[id]; !twice {
				known[id] = struct{}{}
				out = append(out, id)
			}
		}
		return out
	}
	for msg := a.view.vector.Start(); msg != nil; {
		if a.stats.Rounds >= maxRounds || a.left() < int(a.limit/2) || len(a.need) >= room || len(a.have) >= 4*room {
			a.stats.Limited = true
			return nil
		}
		a.stats.Rounds++
		if err := errors.Join(a.send(frameRecon, msg), a.end(false)); err != nil {
			return err
		}
		var answer []byte
		if _, err := a.turn(func(kind byte, body []byte) error {
			if kind != frameRecon || answer != nil {
				return unexpected(kind)
			}
			answer = slices.Clone(body)
			return nil
		}); err != nil {
			return err
		}
		next, d, err := a.view.vector.Next(answer, size)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		a.have, a.need = append(a.have, fresh(d.Have)...), append(a.need, a.g.refusals.without(fresh(d.Need))...)
		msg = next
	}
	return nil
}

// request asks for what is needed and offers what the peer lacks.
func (a *asking) request() error {
	room := a.left() / roomFor
	a.stats.Limited = a.stats.Limited || len(a.need) > room || len(a.have) > room
	if len(a.have) > room {
		// What a peer never wants must not keep the rest from being offered.
		rand.Shuffle(len(a.have), func(i, j int) { a.have[i], a.have[j] = a.have[j], a.have[i] })
	}
	a.need, a.have = a.need[:min(len(a.need), room)], a.have[:min(len(a.have), room)]
	for ids := range slices.Chunk(a.need, maxBody/32) {
		body := make([]byte, 0, 32*len(ids))
		for _, id := range ids {
			body = append(body, id[:]...)
		}
		if err := a.send(frameAsk, body); err != nil {
			return err
		}
	}
	for ids := range slices.Chunk(a.have, maxBody/offerLen) {
		body := make([]byte, 0, offerLen*len(ids))
		for _, id := range ids {
			e := a.view.entries[id]
			body = binary.BigEndian.AppendUint64(append(body, e.slot[:]...), uint64(e.at))
			body = append(body, id[:8]...)
		}
		if err := a.send(frameOffer, body); err != nil {
			return err
		}
	}
	return a.end(a.stats.Limited)
}

// collect takes the documents asked for, and which of the offers are wanted.
func (a *asking) collect() (wanted []byte, err error) {
	asked := make(map[[32]byte]struct{}, len(a.need))
	for _, id := range a.need {
		asked[id] = struct{}{}
	}
	unsaid, err := a.turn(func(kind byte, body []byte) error {
		switch {
		case kind == frameDoc:
			e, err := claims(body)
			if err != nil {
				return err
			}
			if _, ok := asked[e.id]; !ok {
				return fmt.Errorf("%w: a document not asked for", ErrProtocol)
			}
			delete(asked, e.id)
			return a.g.take(a.peer, e, body, &a.stats)
		case kind == frameWant && wanted == nil && len(body) == (len(a.have)+7)/8:
			wanted = append([]byte{}, body...)
			return nil
		}
		return unexpected(kind)
	})
	a.stats.Limited = a.stats.Limited || unsaid
	if err == nil && wanted == nil {
		err = fmt.Errorf("%w: offers not answered", ErrProtocol)
	}
	return wanted, err
}

// give sends the offers that are wanted.
func (a *asking) give(wanted []byte) error {
	unsaid := false
	for i, id := range a.have {
		if wanted[i/8]>>(i%8)&1 == 0 {
			continue
		}
		raw, ok := a.g.set.Get(id)
		if !ok {
			continue
		}
		if frameHead+len(raw) > a.left() {
			unsaid = true
			break
		}
		if err := a.send(frameDoc, raw); err != nil {
			return err
		}
		a.stats.Given++
	}
	a.stats.Limited = a.stats.Limited || unsaid
	return a.end(unsaid)
}
