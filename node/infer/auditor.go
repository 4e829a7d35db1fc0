package infer

import (
	"context"
	"math/bits"
	"strings"
	"sync"
	"time"

	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// Bounds of the audits that wait: their number, and what they hold in bytes.
const (
	maxPending      = 256
	maxPendingBytes = 16 << 20
	maxDossiers     = 256
	auditTime       = 2 * time.Minute // one replay
	auditTries      = 3
)

// auditor has answers replayed in the background. It is nil where there are no
// audits.
type auditor struct {
	r     *Router
	purse purse // of audits alone, in millionths of the rail's unit
	wake  chan struct{}

	mu       sync.Mutex
	waiting  []*pending
	bytes    int
	dossiers map[subject]*dossier
	order    []subject // of dossiers, the oldest first
	stats    AuditStats
}

// AuditStats tell what audits of inference did since the start.
type AuditStats struct {
	Drawn        uint64 `json:"drawn"`        // answers that the lottery chose
	Replayed     uint64 `json:"replayed"`     // replays had
	Tokens       uint64 `json:"tokens"`       // replayed, prompts left out
	Passed       uint64 `json:"passed"`       // answers found right
	Suspected    uint64 `json:"suspected"`    // times that one auditor found answers wrong
	Confirmed    uint64 `json:"confirmed"`    // times that a second one did too
	Inconclusive uint64 `json:"inconclusive"` // answers that nobody could judge, or about which auditors differ
	Dropped      uint64 `json:"dropped"`      // answers for which there was no time, room or money
	Spent        uint64 `json:"spent"`        // on replays in the last hour, in the rail's unit
}

// pending is an answer that waits for its audit.
type pending struct {
	l       *lease
	q       *query
	heard   *heard
	number  uint32
	in      uint64
	context uint32
	tries   int
	size    int
	free    bool // no payment waits for it; under the lease's mutex
}

func newAuditor(r *Router) *auditor {
	return &auditor{r: r, wake: make(chan struct{}, 1), dossiers: map[subject]*dossier{}}
}

// AuditStats tells what the audits did; all is zero where there are none.
func (r *Router) AuditStats() AuditStats {
	if r.auditor == nil {
		return AuditStats{}
	}
	r.auditor.mu.Lock()
	defer r.auditor.mu.Unlock()
	s := r.auditor.stats
	s.Spent = (r.auditor.purse.spent(r.now()) + 999_999) / 1_000_000
	return s
}

// fine is what tokens cost in millionths of the rail's unit: a replay of a few
// words costs far less than one, and a window of many is rounded up only once.
func fine(rate payments.TokenRate, used meter.Count) uint64 {
	return times(rate.In, used.In) + times(rate.Out, used.Out)
}

// times is a product of a price and tokens, as large as money may be at most.
func times(price, tokens uint64) uint64 {
	hi, lo := bits.Mul64(price, tokens)
	if hi > 0 {
		return payments.MaxValue
	}
	return min(lo, payments.MaxValue)
}

// cost is about what the replay of an answer costs, in millionths of the
// rail's unit: its tokens are all read.
func (u *auditor) cost(rate payments.TokenRate, used meter.Count) uint64 {
	return fine(rate, meter.Count{In: used.In + used.Out})
}

// cap is what may be spent on audits in an hour, in millionths of the rail's
// unit: a share of what is spent on answers, and a little in any case.
func (u *auditor) cap() uint64 {
	c := u.r.cfg
	return times(c.AuditFloor, 1e6) + times(u.r.purse.spent(u.r.now()), uint64(c.Audits.SharePPM))
}

func (u *auditor) affords(cost uint64) bool {
	return u.purse.spent(u.r.now())+cost <= u.cap()
}

// put queues an answer; the oldest gives way where there is no room.
func (u *auditor) put(p *pending) {
	p.size = len(p.q.body) + p.heard.size + 512
	u.mu.Lock()
	defer u.mu.Unlock()
	if p.tries == 0 {
		u.stats.Drawn++
	}
	u.waiting, u.bytes = append(u.waiting, p), u.bytes+p.size
	for len(u.waiting) > maxPending || u.bytes > maxPendingBytes && len(u.waiting) > 1 {
		old := u.waiting[0]
		u.waiting, u.bytes = u.waiting[1:], u.bytes-old.size
		u.stats.Dropped++
		old.audited(0)
	}
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

func (u *auditor) next() *pending {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.waiting) == 0 {
		return nil
	}
	p := u.waiting[0]
	u.waiting, u.bytes = u.waiting[1:], u.bytes-p.size
	return p
}

// run audits one answer after another until ctx ends.
func (u *auditor) run(ctx context.Context) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		for p := u.next(); p != nil && ctx.Err() == nil; p = u.next() {
			if !u.one(ctx, p) { // no money, or nobody to ask: later
				break
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-u.wake:
		case <-tick.C:
		}
	}
}

// letPay has the payment of its lease no longer wait for this audit.
func (p *pending) letPay() {
	p.l.mu.Lock()
	defer p.l.mu.Unlock()
	if !p.free {
		p.free = true
		p.l.audits--
	}
}

// audited counts an audit of a lease that is over, and how many answers it and
// those before it found right.
func (p *pending) audited(passed uint32) {
	p.letPay()
	l := p.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if passed > 0 {
		l.Passed, l.dirty = l.Passed+passed, true
	}
}

// subject is whom an audit of the lease's answers is about.
func (l *lease) subject() subject {
	return subject{peer: l.Provider, image: l.Image, model: l.Model, class: l.Class}
}

// maxHeld bounds the answers in all dossiers, in bytes.
const maxHeld = 32 << 20

// dossier is the evidence about s; the oldest give way where there are many, or
// much is in them. Only run's goroutine changes what it returns.
func (u *auditor) dossier(s subject) *dossier {
	u.mu.Lock()
	defer u.mu.Unlock()
	d := u.dossiers[s]
	if d == nil {
		held := 0
		for _, o := range u.dossiers {
			held += o.bytes
		}
		for len(u.order) >= maxDossiers || held > maxHeld && len(u.order) > 0 {
			held -= u.dossiers[u.order[0]].bytes
			delete(u.dossiers, u.order[0])
			u.order = u.order[1:]
		}
		d = &dossier{test: u.trial(s)}
		u.dossiers[s] = d
		u.order = append(u.order, s)
	}
	return d
}

// close ends a dossier: what comes next is another.
func (u *auditor) close(s subject) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.dossiers, s)
	for i, o := range u.order {
		if o == s {
			u.order = append(u.order[:i:i], u.order[i+1:]...)
			break
		}
	}
}

func (u *auditor) count(f func(*AuditStats)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	f(&u.stats)
}

// replay has a claim replayed within what audits may cost: by the one who
// replayed the answers before it, so that others are left to be asked about what
// that one finds. It returns errCostly where there is no money for it.
func (u *auditor) replay(ctx context.Context, s subject, c claim, d *dossier, cost uint64) (out replay, err error) {
	if !u.purse.hold(cost, u.cap(), u.r.now()) {
		return replay{}, errCostly
	}
	defer u.purse.give(cost)
	ctx, cancel := context.WithTimeout(ctx, auditTime)
	defer cancel()
	not := []identity.PubKey{s.peer}
	err = errNoLease
	if len(d.by) > 0 {
		out, err = u.r.replayAt(ctx, s.model, c.req, not, d.by[len(d.by)-1])
	}
	if err != nil && ctx.Err() == nil {
		out, err = u.r.replayAt(ctx, s.model, c.req, not, identity.PubKey{})
	}
	if err != nil {
		return out, err
	}
	u.purse.add(out.cost, u.r.now())
	u.count(func(s *AuditStats) { s.Replayed++; s.Tokens += uint64(len(out.Tokens)) })
	return out, nil
}

// trial begins a test of a subject's answers.
func (u *auditor) trial(s subject) trial {
	c := u.r.cfg.Audits
	if u.r.d.Thresholds != nil {
		if t, ok := u.r.d.Thresholds(s.model, s.image, s.class); ok {
			return newTrial(t, t)
		}
	}
	alike := c.Thresholds
	if strings.HasPrefix(s.class, "cpu") { // on cards the order of sums differs from run to run
		alike = c.Alike
	}
	return newTrial(alike, c.Thresholds)
}

// like tells how much who replayed is like the subject.
func (out replay) like(s subject) like {
	same := out.image != "" && out.image == s.image
	return like{engine: same, class: same && out.class != "" && out.class == s.class}
}
