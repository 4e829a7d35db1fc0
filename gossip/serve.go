package gossip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"infernet.tech/infernet/p2p/identity"
)

const offerLen = 24

// serving is the side of a session that is asked.
type serving struct {
	*talk
	g     *Gossip
	peer  identity.PubKey
	view  *view
	stats SyncStats
}

// run answers turn by turn, until the peer ends the session.
func (s *serving) run() error {
	for first := true; ; first = false {
		var q question
		unsaid, err := s.turn(q.read)
		if err != nil {
			if errors.Is(err, io.EOF) && !first {
				return nil // its right, after any turn
			}
			return err
		}
		s.stats.Limited = s.stats.Limited || unsaid
		if q.recon == nil {
			return s.exchange(q)
		}
		if s.stats.Rounds++; s.stats.Rounds > maxRounds {
			return fmt.Errorf("%w: more than %d questions", ErrProtocol, maxRounds)
		}
		answer, err := s.view.vector.Answer(q.recon, min(maxBody, int(s.limit/8)))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		if err := errors.Join(s.send(frameRecon, answer), s.end(false)); err != nil {
			return err
		}
	}
}

// offer is a document that the peer has and this node lacks.
type offer struct {
	slot  slot
	at    int64
	short shortID
}

// question is one turn of the peer's: either recon, or the rest.
type question struct {
	recon  []byte
	asks   [][32]byte
	offers []offer
}

func (q *question) read(kind byte, body []byte) error {
	if q.recon != nil || kind == frameRecon && len(q.asks)+len(q.offers) > 0 {
		return unexpected(kind)
	}
	switch {
	case kind == frameRecon && len(body) > 0:
		q.recon = slices.Clone(body)
	case kind == frameAsk && len(body)%32 == 0:
		for id := range slices.Chunk(body, 32) {
			q.asks = append(q.asks, [32]byte(id))
		}
	case kind == frameOffer && len(body)%offerLen == 0:
		for o := range slices.Chunk(body, offerLen) {
			at := binary.BigEndian.Uint64(o[8:]) & math.MaxInt64
			q.offers = append(q.offers, offer{slot: slot(o[:8]), at: int64(at), short: shortID(o[16:])})
		}
	default:
		return unexpected(kind)
	}
	return nil
}

// exchange sends what the peer asked for, says which of its offers are wanted
// and takes them.
func (s *serving) exchange(q question) error {
	if err := s.answer(q); err != nil {
		return err
	}
	want, n := s.wanted(q.offers)
	if err := errors.Join(s.send(frameWant, want), s.end(s.stats.Limited)); err != nil {
		return err
	}
	took := 0
	unsaid, err := s.turn(func(kind byte, body []byte) error {
		if took++; kind != frameDoc || took > n {
			return unexpected(kind)
		}
		e, err := claims(body)
		if err != nil {
			return err
		}
		return s.g.take(s.peer, e, body, &s.stats)
	})
	if err != nil {
		return err
	}
	s.stats.Limited = s.stats.Limited || unsaid
	return s.end(false)
}

// answer sends documents asked for, but none that an offer of the peer's shows
// to be replaced. When the peer has something to give, half of what is left is
// kept for that.
func (s *serving) answer(q question) error {
	theirs := make(map[slot]int64, len(q.offers))
	for _, o := range q.offers {
		if o.slot != (slot{}) {
			theirs[o.slot] = max(theirs[o.slot], o.at)
		}
	}
	keep := min(s.left()/2, len(q.offers)*2*roomFor)
	sent := make(map[[32]byte]struct{}, len(q.asks))
	for _, id := range q.asks {
		e, ok := s.view.entries[id]
		if _, twice := sent[id]; twice || !ok || theirs[e.slot] > e.at {
			continue
		}
		raw, ok := s.g.set.Get(id)
		if !ok {
			continue
		}
		if frameHead+len(raw) > s.left()-keep {
			s.stats.Limited = true
			return nil
		}
		sent[id] = struct{}{}
		if err := s.send(frameDoc, raw); err != nil {
			return err
		}
		s.stats.Given++
	}
	return nil
}

// wanted marks the offers that nothing here replaces and that were not refused
// before, and counts them.
func (s *serving) wanted(offers []offer) (bits []byte, n int) {
	bits = make([]byte, (len(offers)+7)/8)
	for i, o := range offers {
		at, held := s.view.newest[o.slot]
		if (!held || o.at >= at) && !s.g.refusals.has(o.short) {
			bits[i/8] |= 1 << (i % 8)
			n++
		}
	}
	return bits, n
}
