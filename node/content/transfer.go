package content

import (
	"context"
	"sync"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store/blob"
)

// transfer is one fetch under way and all who wait for it.
type transfer struct {
	l      *Library
	cid    string
	cancel context.CancelFunc
	done   chan struct{} // closed when info and err are set
	info   blob.Info
	err    error

	mu      sync.Mutex
	waiting map[*waiter]bool
	last    blob.Progress
	flows   map[string]flow // the latest stream of each source
	moved   time.Time       // when something came last, or somebody new was found
	origin  origin
	granted map[string]bool // sources that granted it in a job
	dear    map[identity.PubKey]uint64
	known   []blob.Source // those told to the store
	joined  chan struct{} // capacity 1: somebody new waits
}

// waiter is one caller of FetchWith.
type waiter struct {
	t *transfer
	o FetchOptions

	mu   sync.Mutex // held while Progress runs
	gone bool
	over chan struct{} // closed when its own limit is passed
	once sync.Once
}

// join adds a waiter to the transfer of a CID, which it begins if there is none.
func (l *Library) join(cid string, o FetchOptions) (w *waiter, mine bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w = &waiter{o: o, over: make(chan struct{})}
	if t := l.fetches[cid]; t != nil && t.add(w) {
		return w, false
	}
	ctx, cancel := context.WithCancel(context.Background())
	t := &transfer{
		l: l, cid: cid, cancel: cancel, done: make(chan struct{}),
		waiting: map[*waiter]bool{w: true}, moved: time.Now(),
		dear: map[identity.PubKey]uint64{}, flows: map[string]flow{}, joined: make(chan struct{}, 1),
		origin: origin{gave: map[string]bool{}, open: map[string]bool{}}, granted: map[string]bool{},
	}
	w.t, l.fetches[cid] = t, t
	go t.run(ctx, o)
	return w, true
}

// add lets one more wait; false when the transfer is being given up.
func (t *transfer) add(w *waiter) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		return false
	}
	w.t, t.waiting[w] = t, true
	select {
	case t.joined <- struct{}{}:
	default:
	}
	return true
}

// run is the transfer's own goroutine; it ends soon after the last waiter left.
func (t *transfer) run(ctx context.Context, first FetchOptions) {
	defer t.cancel()
	t.beginOrigin()
	lim := blob.Limits{Bytes: first.Max, OnProgress: t.progress, OnFailure: t.blame, MustShow: t.mustShow}
	var sources []blob.Source
	if first.inJob {
		t.mu.Lock()
		for _, p := range first.From {
			t.granted[p.String()] = true
			sources = append(sources, t.source(p, 0))
		}
		t.mu.Unlock()
	}
	// Who granted it is asked at once; that nobody else is found costs nothing.
	if !first.inJob || t.l.net.Holders != nil {
		lim.Discover = t.discover
	}
	info, err := t.l.blobs.Fetch(ctx, t.cid, lim, sources...)
	t.endOrigin(err)
	t.info, t.err = info, t.explain(err)
	t.l.mu.Lock()
	if t.l.fetches[t.cid] == t {
		delete(t.l.fetches, t.cid)
	}
	t.l.mu.Unlock()
	close(t.done)
}

// wait returns the transfer's outcome, or ctx's error when that is sooner.
func (w *waiter) wait(ctx context.Context) (blob.Info, error) {
	select {
	case <-ctx.Done():
		return blob.Info{}, w.leave(ctx.Err())
	case <-w.over:
		return blob.Info{}, w.leave(errLimit)
	case <-w.t.done:
		return w.t.info, w.leave(w.t.err)
	}
}

// leave takes a waiter away and returns why. With the last one the transfer is
// given up, and waited for: nothing of it outlives its callers.
func (w *waiter) leave(why error) error {
	w.mu.Lock()
	w.gone = true
	w.mu.Unlock()
	w.t.mu.Lock()
	delete(w.t.waiting, w)
	last := len(w.t.waiting) == 0
	w.t.mu.Unlock()
	if last {
		w.t.cancel()
		<-w.t.done
	}
	return why
}

// progress is called by the store, one call at a time.
func (t *transfer) progress(p blob.Progress) {
	t.mu.Lock()
	if p.Bytes > t.last.Bytes || p.Fetched > t.last.Fetched {
		t.moved = time.Now()
	}
	t.last = p
	for _, s := range p.Sources {
		if s.Gave || s.Bytes > 0 {
			t.origin.gave[s.Name] = true
		}
	}
	t.verified()
	all := make([]*waiter, 0, len(t.waiting))
	for w := range t.waiting {
		all = append(all, w)
	}
	t.mu.Unlock()
	t.markOrigin()
	for _, w := range all {
		w.tell(p)
	}
}

func (w *waiter) tell(p blob.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone {
		return
	}
	if p.Total > w.o.Max {
		w.once.Do(func() { close(w.over) })
		return
	}
	if w.o.Progress != nil {
		w.o.Progress(p)
	}
}
