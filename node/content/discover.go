package content

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"infernet.tech/infernet/node/holders"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store/blob"
)

// discover looks for holders as long as the transfer runs: for those that the
// waiters name, and for anyone where one of them allows it.
func (t *transfer) discover(ctx context.Context, add func(blob.Source)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var searches sync.WaitGroup
	defer searches.Wait()
	named := map[identity.PubKey]bool{}
	anyone := false
	for {
		from, wide, gives, patience := t.wanted(named)
		q := holders.Query{Ref: t.cid, Ask: from, Seeding: gives}
		switch {
		case len(from) == 0:
		case wide || anyone:
			searches.Go(func() { t.ask(ctx, q, add) })
		default:
			t.ask(ctx, q, add)
		}
		if wide && !anyone {
			anyone = true
			searches.Go(func() { t.ask(ctx, holders.Query{Ref: t.cid, Anyone: true, Seeding: gives}, add) })
		}
		if !anyone || ctx.Err() != nil || t.stuck(patience) {
			cancel()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-t.joined:
		case <-time.After(min(patience/8, backAgain)):
			t.retry(add)
		}
	}
}

// backAgain is how often sources are told again: the store takes one that it
// knows only if that was cut off a while ago.
const backAgain = 5 * time.Second

func (t *transfer) retry(add func(blob.Source)) {
	t.mu.Lock()
	all := slices.Clone(t.known)
	t.mu.Unlock()
	for _, src := range all {
		add(src)
	}
}

// tell makes a source known to the store.
func (t *transfer) tell(add func(blob.Source), peer identity.PubKey, price uint64) {
	src := t.source(peer, price)
	t.mu.Lock()
	if i := slices.IndexFunc(t.known, func(s blob.Source) bool { return s.Name == src.Name }); i >= 0 {
		t.known[i] = src // its price may be another by now
	} else {
		t.known = append(t.known, src)
		t.moved = time.Now()
	}
	t.mu.Unlock()
	add(src)
}

// wanted returns the peers that waiters name and that were not named before,
// whether anyone will do, whether others are given of it, and how long nothing
// may come.
func (t *transfer) wanted(named map[identity.PubKey]bool) (from []identity.PubKey, anyone, gives bool, patience time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	gives = t.gives()
	for w := range t.waiting {
		anyone = anyone || w.o.Anyone
		patience = max(patience, w.o.Patience)
		for _, p := range w.o.From {
			if !named[p] && !p.IsZero() {
				named[p] = true
				from = append(from, p)
			}
		}
	}
	return from, anyone, gives, max(patience, time.Millisecond)
}

// stuck tells whether nothing came for too long and nobody delivers.
func (t *transfer) stuck(patience time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	active := slices.ContainsFunc(t.last.Sources, func(s blob.SourceProgress) bool { return s.State == blob.StateActive })
	return !active && time.Since(t.moved) > patience
}

// ask makes sources of all who have the blob for no more than what is paid.
func (t *transfer) ask(ctx context.Context, q holders.Query, add func(blob.Source)) {
	told := map[identity.PubKey]bool{}
	if t.l.net.Holders != nil {
		t.l.net.Holders.Find(ctx, q, func(peer identity.PubKey, a holders.Answer) bool {
			told[peer] = true
			if a.Has() {
				t.found(peer, a, add)
			}
			return true
		})
	}
	// Who was named and said nothing is tried all the same: the transfer tells
	// best why it gives nothing.
	for _, p := range q.Ask {
		if !told[p] && ctx.Err() == nil {
			t.tell(add, p, 0)
		}
	}
}

func (t *transfer) found(peer identity.PubKey, a holders.Answer, add func(blob.Source)) {
	t.mu.Lock()
	t.public = t.public || a.Public
	limit := uint64(0)
	for w := range t.waiting {
		limit = max(limit, w.o.MaxPrice)
	}
	if a.Price > limit {
		if len(t.dear) < maxDear {
			t.dear[peer] = a.Price
		}
		t.mu.Unlock()
		return
	}
	delete(t.dear, peer)
	t.mu.Unlock()
	t.tell(add, peer, a.Price)
}

// maxDear bounds those remembered for an error's sake.
const maxDear = 16

// explain adds to a failure for want of sources who was too dear.
func (t *transfer) explain(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil || len(t.dear) == 0 || !errors.Is(err, blob.ErrNoSource) {
		return err
	}
	cheapest := slices.MinFunc(slices.Collect(maps.Keys(t.dear)), func(a, b identity.PubKey) int {
		return int(int64(t.dear[a]) - int64(t.dear[b]))
	})
	return fmt.Errorf("%w: %d holders ask more, %s the least: %d credits per GiB; %w",
		ErrPrice, len(t.dear), cheapest.Short(), t.dear[cheapest], err)
}
