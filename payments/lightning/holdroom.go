package lightning

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// errCrowded: as many holds are open over all peers as may be.
var errCrowded = fmt.Errorf("%w: %d are open", ErrHold, mostHolds)

// mostEvicted is how many holds are looked at to make room for one.
const mostEvicted = 4

// beginHold is beginHoldIn where room may have to be made first.
func (r *Rail) beginHold(ctx context.Context, peer identity.PubKey, h hold) error {
	err := r.beginHoldIn(peer, h)
	if !errors.Is(err, errCrowded) {
		return err
	}
	list, err := r.unpaidHolds()
	if err != nil {
		return err
	}
	for _, b := range list[:min(len(list), mostEvicted)] {
		if gone, err := r.evict(ctx, b); err != nil {
			return err
		} else if gone {
			break
		}
	}
	return r.beginHoldIn(peer, h)
}

// unpaidHolds are the holds that wait to be locked for by peers who have never
// paid us, the oldest first: who means it locks within a moment, and asks again
// where it came too late; who only asks is in nobody's way.
func (r *Rail) unpaidHolds() (list []berth, err error) {
	begun := map[berth]int64{}
	err = r.s.View(func(tx store.Reader) error {
		clear(begun)
		peers := map[identity.PubKey]bool{}
		if err := tx.Scan([]byte(hashKey), func(_, hex []byte) error {
			peer, err := identity.ParsePubKey(string(hex))
			peers[peer] = true
			return err
		}); err != nil {
			return fmt.Errorf("%w: hold: %w", payments.ErrCorrupt, err)
		}
		for peer := range peers {
			if paid, err := r.acc.HasPaid(tx, peer); err != nil || paid {
				if err != nil {
					return err
				}
				continue
			}
			var i in
			if err := readJSON(tx, inPrefix+peer.Hex(), &i); err != nil {
				return err
			}
			for ref, h := range i.Holds {
				if h.Phase == open {
					begun[berth{lane{payments.In, peer}, ref}] = h.Begun.UnixNano()
				}
			}
		}
		return nil
	})
	for b := range begun {
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b berth) int { return int(min(max(begun[a]-begun[b], -1), 1)) })
	return list, err
}

// evict cancels a hold unless money is locked for it by now or somebody is at
// it, and reports whether it did.
func (r *Rail) evict(ctx context.Context, b berth) (gone bool, err error) {
	unlock, ok := r.holds.try(b)
	if !ok {
		return false, nil
	}
	defer unlock()
	i, err := r.in(b.peer)
	if err != nil {
		return false, err
	}
	h, known := i.Holds[b.ref]
	if !known {
		return true, nil
	}
	if h, err = r.lookHold(ctx, b.peer, h); err == nil && h.Phase == open {
		h, err = r.giveBack(ctx, b.peer, h, "not locked while others waited")
	}
	return h.Phase == returning, err
}
