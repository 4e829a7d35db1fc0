package swarm

import (
	"container/heap"
	"fmt"
	"time"
)

// world runs a Plan against sources in virtual time: each answers its requests
// in order, one block at a time, with a delay on the way there and back.
type world struct {
	t       failer
	plan    *Plan
	cfg     Config
	now     time.Time
	start   time.Time
	queue   events
	serial  int
	sources map[string]*peer
	names   []string
	fresh   map[uint64]int
	sent    uint64 // blocks that arrived, the same one twice too
	taken   uint64 // blocks asked of a second source and more
	step    func() // after every event
}

// failer is a *testing.T or a *rapid.T.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

type peer struct {
	name    string
	pace    float64       // blocks a second
	delay   time.Duration // one way
	have    []Span
	todo    []*Request
	busy    bool
	stalled bool
	life    int // of its connection: what an older one had sent is gone
	on      bool
}

type event struct {
	at     time.Time
	serial int
	do     func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].serial < e[j].serial
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

func newWorld(t failer, blocks uint64, held []Span, cfg Config, peers ...*peer) *world {
	start := time.Unix(1_700_000_000, 0)
	w := &world{
		t: t, plan: New(blocks, held, cfg), cfg: cfg.withDefaults(), now: start, start: start,
		sources: map[string]*peer{}, fresh: map[uint64]int{},
	}
	for _, p := range peers {
		w.sources[p.name] = p
		w.names = append(w.names, p.name)
		w.join(p)
	}
	return w
}

func (w *world) after(d time.Duration, do func()) {
	w.serial++
	heap.Push(&w.queue, event{w.now.Add(d), w.serial, do})
}

func (w *world) join(p *peer) {
	p.on = true
	w.plan.Join(p.name, p.have, w.now)
	w.ask(p)
}

// ask asks p for all it may be asked for, and tells everybody of the trims.
func (w *world) ask(p *peer) {
	life := p.life
	for p.on {
		free := w.plan.free.both(&set{spans: []Span{{0, w.plan.blocks}}})
		r, ok := w.plan.Next(p.name, w.now)
		if !ok {
			break
		}
		w.check(p, r, free)
		w.after(p.delay, func() {
			if p.life == life {
				p.todo = append(p.todo, &r)
				w.serve(p)
			}
		})
	}
	for _, name := range w.names {
		v := w.sources[name]
		life := v.life
		for _, trim := range w.plan.Trims(name) {
			w.after(v.delay, func() {
				for _, r := range v.todo {
					if v.life == life && r.ID == trim.ID {
						r.To = min(r.To, max(trim.To, r.From))
					}
				}
			})
		}
	}
}

// check holds a request against what must be true of every one: what others
// were asked for is taken only by a source for which nothing was free.
func (w *world) check(p *peer, r Request, free set) {
	if r.Len() == 0 || r.To > w.plan.blocks || r.Len() > w.cfg.Max {
		w.t.Fatalf("asked %s for %v of %d blocks", p.name, r, w.plan.blocks)
	}
	s := w.plan.sources[p.name]
	if len(s.requests) > w.cfg.AtOnce {
		w.t.Fatalf("%s has %d requests at once", p.name, len(s.requests))
	}
	if gaps := s.have.gaps(r.Span); !s.whole && len(gaps) > 0 {
		w.t.Fatalf("asked %s for blocks %v, which it does not hold", p.name, gaps)
	}
	if !s.whole {
		free = free.both(&s.have)
	}
	if gaps := free.gaps(r.Span); len(gaps) > 0 && free.count > 0 {
		w.t.Fatalf("asked %s for %v of others, and %v were free", p.name, gaps, free.spans)
	}
	if free.count == 0 {
		w.taken += r.Len()
	}
}

// serve sends the next block, if the line is free.
func (w *world) serve(p *peer) {
	for len(p.todo) > 0 && p.todo[0].Len() == 0 {
		w.end(p, p.todo[0].ID)
		p.todo = p.todo[1:]
	}
	if p.busy || p.stalled || len(p.todo) == 0 {
		return
	}
	p.busy = true
	r, life := p.todo[0], p.life
	block := r.From
	r.From++
	w.after(time.Duration(float64(time.Second)/p.pace), func() {
		p.busy = false
		if p.life == life {
			w.after(p.delay, func() {
				if p.life == life {
					w.arrive(p, block)
				}
			})
		}
		w.serve(p)
	})
}

func (w *world) end(p *peer, id uint64) {
	life := p.life
	w.after(p.delay, func() {
		if p.life == life {
			w.plan.Ended(p.name, id, w.now)
			w.ask(p)
		}
	})
}

func (w *world) arrive(p *peer, block uint64) {
	w.sent++
	if w.plan.Got(p.name, block, 1<<20, w.now) {
		w.fresh[block]++
	}
	w.ask(p)
}

func (w *world) lose(p *peer) {
	if !p.on {
		return
	}
	w.forget(p)
	w.plan.Lost(p.name, w.now)
	w.askAll()
}

func (w *world) ban(p *peer) {
	w.forget(p)
	w.plan.Ban(p.name)
	w.askAll()
}

func (w *world) forget(p *peer) {
	p.on, p.todo = false, nil
	p.life++
}

func (w *world) askAll() {
	for _, name := range w.names {
		w.ask(w.sources[name])
	}
}

// run goes on until the plan is finished, and tells how long it took.
func (w *world) run(limit time.Duration) time.Duration {
	w.t.Helper()
	var tick func()
	tick = func() {
		w.askAll()
		w.after(w.cfg.Target/4, tick)
	}
	tick()
	for !w.plan.Finished() {
		e := heap.Pop(&w.queue).(event)
		if w.now = e.at; w.now.Sub(w.start) > limit {
			w.t.Fatalf("after %v these are missing: %v%s", limit, w.plan.Missing(), w.describe())
		}
		e.do()
		w.invariants()
		if w.step != nil {
			w.step()
		}
	}
	return w.now.Sub(w.start)
}

func (w *world) describe() (text string) {
	for _, s := range w.plan.order {
		text += fmt.Sprintf("\n%s: state %d, %d asked, pace %.2f", s.name, s.state, s.before(), s.pace(w.now))
	}
	return text
}

// invariants: every block is here, free, or asked of exactly one source.
func (w *world) invariants() {
	p := w.plan
	seen := p.got.count + p.free.count
	if free := p.got.both(&p.free); free.count > 0 {
		w.t.Fatalf("here and free: %v", free.spans)
	}
	var out set
	for _, s := range p.order {
		if s.state != joined && len(s.requests) > 0 {
			w.t.Fatalf("%s is gone and has requests", s.name)
		}
		for _, r := range s.requests {
			for _, gap := range p.got.gaps(r.Span) {
				if p.free.has(gap.From) {
					w.t.Fatalf("block %d is free and asked of %s", gap.From, s.name)
				}
				before := out.count
				out.add(gap)
				if out.count != before+gap.Len() {
					w.t.Fatalf("%v is asked of two at once", gap)
				}
			}
		}
	}
	if seen += out.count; seen != p.blocks {
		w.t.Fatalf("%d blocks of %d are accounted for", seen, p.blocks)
	}
}
