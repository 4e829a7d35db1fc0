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

// discover looks for holders as long as the transfer runs: those that the
// waiters name, and anyone where one of them allows it, or where who granted it
// says that everybody may have it.
func (t *transfer) discover(ctx context.Context, add func(blob.Source)) {
	ctx, cancel := context.WithCancel(ctx)
	var searches sync.WaitGroup
	defer searches.Wait()
	defer cancel()
	asked := map[identity.PubKey]bool{}
	anyone := false
	for {
		w := t.wanted(asked)
		for _, p := range w.granted {
			t.tell(add, p, 0)
		}
		if q := (holders.Query{Ref: t.cid, Ask: slices.Concat(w.granted, w.named), Seeding: w.gives}); len(q.Ask) == 0 {
		} else if w.anyone || anyone {
			searches.Go(func() { t.ask(ctx, q, add) })
		} else {
			t.ask(ctx, q, add)
		}
		if !anyone && t.l.net.Holders != nil && (w.anyone || w.job && t.isOpen()) {
			anyone = true
			searches.Go(func() { t.ask(ctx, holders.Query{Ref: t.cid, Anyone: true, Seeding: w.gives}, add) })
		}
		if !anyone || ctx.Err() != nil || t.stuck(w.patience) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-t.joined:
		case <-time.After(min(w.patience/8, backAgain)):
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

// wants is what those who wait want between them.
type wants struct {
	granted []identity.PubKey // peers that granted it in a job, not asked yet
	named   []identity.PubKey // others that were named and not asked yet
	anyone  bool              // anyone will do
	job     bool              // somebody wants it for a job
	gives   bool              // what comes is given to others
	// patience is how long nothing may come.
	patience time.Duration
}

func (t *transfer) wanted(asked map[identity.PubKey]bool) wants {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := wants{gives: t.gives(), patience: time.Millisecond}
	for w := range t.waiting {
		out.anyone = out.anyone || w.o.Anyone
		out.job = out.job || w.o.inJob
		out.patience = max(out.patience, w.o.Patience)
		for _, p := range w.o.From {
			switch {
			case asked[p] || p.IsZero():
			case w.o.inJob:
				out.granted = append(out.granted, p)
				t.granted[p.String()] = true
			default:
				out.named = append(out.named, p)
			}
			asked[p] = true
		}
	}
	return out
}

// stuck tells whether nothing came for too long and nobody delivers. A search
// that found nobody, or only who is too dear, is given up sooner than one whose
// sources were cut off and may come back.
func (t *transfer) stuck(patience time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case len(t.known) > 0:
	case len(t.dear) > 0:
		patience /= 6
	default:
		patience /= 2
	}
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
	t.origin.open[peer.String()] = a.Public
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
	return &dearError{text: fmt.Sprintf("%v: %d who have it ask more, %s the least: %d credits per GiB",
		ErrPrice, len(t.dear), cheapest.Short(), t.dear[cheapest]), err: err}
}

// dearError is ErrPrice and why nobody else gave it, without the words of that:
// they would say that nobody was found.
type dearError struct {
	text string
	err  error
}

func (e *dearError) Error() string   { return e.text }
func (e *dearError) Unwrap() []error { return []error{ErrPrice, e.err} }
