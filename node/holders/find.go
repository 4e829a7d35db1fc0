package holders

import (
	"context"
	"sync"
	"time"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
)

const (
	// askAtOnce peers are asked side by side, mostAsked in one search.
	askAtOnce = 16
	mostAsked = 512
	// fromTable is how many holders the table is asked for.
	fromTable = 64
	// newcomers is how often a search looks for peers newly connected, again how
	// soon it asks the table, and the same peers, once more.
	newcomers = 2 * time.Second
	again     = time.Minute
	// soon is how soon the table is asked again while nobody was found, and a
	// peer who did not answer: what was shared just now is not in the table yet,
	// and a peer that was started again is back.
	soon = 4 * time.Second
)

// Find looks for holders of what q names and calls found for each peer that has
// something to say, one call at a time: those of q.Ask first, then, where
// q.Anyone allows it, all that are connected, those that they tell of and those
// in the table, side by side. It goes on, with peers that come later and with the
// same ones each minute, until ctx ends or found returns false; where q.Once is
// set, or only q.Ask may be asked, it ends when everybody was asked.
func (s *Service) Find(ctx context.Context, q Query, found func(identity.PubKey, Answer) bool) {
	if _, err := FormOf(q.Ref); err != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	f := &search{
		s: s, q: q, found: found, asked: map[identity.PubKey]time.Time{},
		results: make(chan result), tabled: make(chan identity.PubKey),
	}
	defer f.work.Wait()
	defer cancel()
	f.run(ctx)
}

// search is one Find under way; its fields are its own goroutine's.
type search struct {
	s       *Service
	q       Query
	found   func(identity.PubKey, Answer) bool
	asked   map[identity.PubKey]time.Time // when the answer came; zero: not yet
	waiting []identity.PubKey
	flying  int // questions under way

	results chan result
	tabled  chan identity.PubKey // what the table tells; a zero key ends it
	looking bool                 // the table is being asked
	looked  time.Time
	met     bool // somebody has it
	work    sync.WaitGroup
}

type result struct {
	peer   identity.PubKey
	answer Answer
	err    error
}

func (f *search) run(ctx context.Context) {
	// They are asked before all others.
	for _, p := range f.q.Ask {
		f.add(p)
	}
	tick := time.NewTicker(newcomers)
	defer tick.Stop()
	f.widen(ctx)
	for {
		f.send(ctx)
		if f.flying == 0 && !f.looking && (f.q.Once || !f.q.Anyone) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case r := <-f.results:
			f.flying--
			if !f.take(r) {
				return
			}
		case p := <-f.tabled:
			if f.looking = !p.IsZero(); f.looking {
				f.add(p)
			}
		case <-tick.C:
			f.widen(ctx)
		}
	}
}

// add puts a peer in line, unless it was there before or it is this node.
func (f *search) add(p identity.PubKey) bool {
	if _, known := f.asked[p]; known || p.IsZero() || p == f.s.d.Host.ID() || len(f.asked) >= mostAsked {
		return false
	}
	f.asked[p] = time.Time{}
	f.waiting = append(f.waiting, p)
	return true
}

// widen adds everybody who may be asked now.
func (f *search) widen(ctx context.Context) {
	if !f.q.Anyone {
		return
	}
	now := f.s.d.Now()
	for _, p := range f.s.hints.get(f.q.Ref, maxEach, identity.PubKey{}, now) {
		f.add(p)
	}
	for p, at := range f.asked {
		if !at.IsZero() && now.Sub(at) > again {
			delete(f.asked, p) // it may have more, or be back
		}
	}
	for _, p := range f.q.Ask {
		f.add(p)
	}
	for _, info := range f.s.d.Host.Peers() {
		if f.s.d.Host.Speaks(info.Peer, p2p.ProtoHave) {
			f.add(info.Peer)
		}
	}
	if f.looking || f.s.d.Table == nil || !f.looked.IsZero() && (f.q.Once || now.Sub(f.looked) < f.patience()) {
		return
	}
	f.looking, f.looked = true, now
	f.work.Go(func() {
		tell := func(p identity.PubKey) {
			select {
			case f.tabled <- p:
			case <-ctx.Done():
			}
		}
		if err := f.s.d.Table.EachHolder(ctx, f.q.Ref, fromTable, tell); err != nil {
			f.s.d.Log.Debug("looking for holders", "err", err)
		}
		tell(identity.PubKey{})
	})
}

// patience is how long after the last time the table is asked again.
func (f *search) patience() time.Duration {
	if f.met {
		return again
	}
	return soon
}

// send asks as many of those in line as may be asked at once.
func (f *search) send(ctx context.Context) {
	for len(f.waiting) > 0 && f.flying < askAtOnce {
		p := f.waiting[0]
		f.waiting = f.waiting[1:]
		f.flying++
		f.work.Go(func() {
			r := result{peer: p}
			r.answer, r.err = f.s.askOne(ctx, p, asked{Ref: f.q.Ref, Seed: f.q.Seeding})
			select {
			case f.results <- r:
			case <-ctx.Done():
			}
		})
	}
}

// take looks at an answer; false ends the search.
func (f *search) take(r result) bool {
	now := f.s.d.Now()
	f.asked[r.peer] = now
	if r.err != nil || !r.answer.Has() {
		f.s.hints.drop(f.q.Ref, r.peer)
	}
	f.met = f.met || r.err == nil && r.answer.Has()
	if r.err != nil {
		f.asked[r.peer] = now.Add(soon - again)
		f.s.d.Log.Debug("asked for content", "peer", r.peer.Short(), "err", r.err)
		return true
	}
	if r.answer.Public && r.answer.Has() {
		f.s.hints.add(f.q.Ref, r.peer, now)
	}
	if f.q.Anyone {
		for _, o := range r.answer.Others {
			if f.add(o.Peer) {
				f.s.d.Host.HearAddrs(r.peer, o.Peer, o.Addrs)
			}
		}
	}
	return r.answer.IsZero() || f.found(r.peer, r.answer)
}
