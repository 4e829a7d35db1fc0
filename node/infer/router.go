package infer

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"infernet.tech/infernet/p2p/wire"
)

// Router sends requests to providers. Its methods are safe for concurrent use;
// Do works while Run does.
type Router struct {
	cfg  Config
	d    Deps
	log  *slog.Logger
	now  func() time.Time
	rand func() float64

	http     *http.Transport
	market   market
	book     book
	health   health
	sessions *sessions
	choices  choices
	purse    purse
	served   servedModels
	auditor  *auditor      // nil: there are no audits
	kicks    chan struct{} // asks Run to look at the leases
	saving   chan struct{} // held from copying records until they are stored

	usedMu sync.Mutex
	used   map[wire.ID]bool // quotes agreed to

	lifeMu  sync.Mutex
	stopped bool
	tasks   map[*context.CancelFunc]struct{}
	wg      sync.WaitGroup
}

// New checks cfg and d and returns a Router that has started nothing.
func New(cfg Config, d Deps) (*Router, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	cfg = cfg.paying(d.Rail.Unit())
	r := &Router{
		cfg: cfg, d: d, log: d.Log, now: d.Now, rand: d.Rand,
		http:     transport(d.Peers),
		sessions: newSessions(cfg.Sessions),
		choices:  choices{last: map[string]*ranking{}},
		book: book{
			open: map[leaseKey]*lease{}, all: map[wire.ID]*lease{}, pending: map[leaseKey]*opening{},
		},
		kicks: make(chan struct{}, 1), saving: make(chan struct{}, 1), used: map[wire.ID]bool{}, tasks: map[*context.CancelFunc]struct{}{},
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.rand == nil {
		r.rand = rand.Float64
	}
	if d.Trust != nil {
		r.auditor = newAuditor(r)
	}
	return r, nil
}

// background runs f, within limit, on a goroutine that Run waits for: what one
// request needs and others will need too does not end with that request. It
// reports false once Run has returned.
func (r *Router) background(limit time.Duration, f func(ctx context.Context)) bool {
	r.lifeMu.Lock()
	defer r.lifeMu.Unlock()
	if r.stopped {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	task := &cancel
	r.tasks[task] = struct{}{}
	r.wg.Go(func() {
		defer func() {
			cancel()
			r.lifeMu.Lock()
			delete(r.tasks, task)
			r.lifeMu.Unlock()
		}()
		f(ctx)
	})
	return true
}

// stop ends what runs in the background.
func (r *Router) stop() {
	r.lifeMu.Lock()
	r.stopped = true
	for cancel := range r.tasks {
		(*cancel)()
	}
	r.lifeMu.Unlock()
	r.wg.Wait()
}

// kick asks Run to look at the leases now.
func (r *Router) kick() {
	select {
	case r.kicks <- struct{}{}:
	default:
	}
}
