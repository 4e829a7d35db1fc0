package gossip

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// claims reads what a document that came by sync claims about itself.
func claims(raw []byte) (envelope, error) {
	e, err := peek(raw)
	if _, ok := topicOf(e.kind); err == nil && !ok {
		err = fmt.Errorf("%w: %s", ErrDocument, e.kind)
	}
	if err != nil {
		return e, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return e, nil
}

// take adds a document that came by sync, and passes it on by gossip when it is
// young: a peer behind a relay has no other way to publish.
func (g *Gossip) take(from identity.PubKey, e envelope, raw []byte, stats *SyncStats) error {
	now := time.Now()
	if e.at > now.Add(MaxAhead).Unix() {
		// Verified all the same: a date that was forged under the id of a true
		// document would keep that one out.
		if _, err := wire.Parse(raw); err != nil {
			return fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		g.refusals.add(e.id, now)
		return nil // its author's clock or ours: the sender is not to blame
	}
	raw = slices.Clone(raw)
	fresh, err := g.add(raw, from)
	switch {
	case errors.Is(err, ErrIgnore):
		g.refusals.add(e.id, now)
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	case !fresh:
		return nil
	}
	stats.New++
	g.stats.synced.Add(1)
	if !g.passOn(e, raw, now) {
		g.limits.passed(e.authorSlot(), time.Unix(e.at, 0))
	}
	return nil
}

// youth is the age up to which a document that came by sync is gossiped on.
const youth = 30 * time.Minute

// passOn gossips a young document that came by sync; it tells whether it did.
func (g *Gossip) passOn(e envelope, raw []byte, now time.Time) bool {
	t, ok := topicOf(e.kind)
	if !ok || e.at < now.Add(-youth).Unix() || !g.limits.onward(e.authorSlot(), t.apart, now) {
		return false
	}
	if err := g.send(context.Background(), e, raw); err != nil {
		g.log.Debug("not passed on", "err", err)
		return false
	}
	return true
}
