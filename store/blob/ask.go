package blob

import (
	"slices"
	"time"
)

const (
	// pipeline is how many small questions are under way on one stream. It
	// hides the round trips of folders with many small files. They are filled
	// up when half are answered, so that many leave in one packet.
	pipeline = 512
	// leastAhead is how many bytes of large files are asked of a source at
	// least, beside what the plan of one file gives it.
	leastAhead = 16 << 20
	// overdue is how long an item was asked of one source before it is asked
	// of another that has nothing else to do, of a third after twice that.
	overdue    = 500 * time.Millisecond
	mostAskers = 6
	// mostOverdue is how many such items are asked for together.
	mostOverdue = 64
	// mapEvery is how often a source that grows is asked what it has.
	mapEvery = time.Second
)

// asking is a question under way.
type asking struct {
	number uint64 // on the stream
	q      question
	it     *item // of a question for nodes or a block; nil for the others
	folder *item // of a question that only opens a folder

	fp   *filePart         // of a question for leaves, or for a map
	id   uint64            // in the plan
	from uint64            // leaves
	end  uint64            // the leaf after the last
	to   uint64            // the same after trims
	told uint64            // leaves before it the plan knows to be here
	here map[uint64]uint64 // size of those after it that are here
	torn bool              // one will never come: no order is left
}

// feed gives a source as much to do as it should have.
func (f *fetch) feed(p *peer, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	idle := len(p.asked) == 0
	for fill := len(p.asked) <= pipeline/2; fill && len(p.asked) < pipeline && !f.closed; {
		it := f.nextReady(p)
		if it == nil {
			break
		}
		f.askItem(p, it, now)
	}
	for _, fp := range f.parts {
		if f.closed || len(p.asked) >= pipeline || p.ahead() >= leastAhead+uint64(p.speed.last) {
			break
		}
		if err := f.askLeaves(p, fp, now); err != nil {
			return err
		}
	}
	if len(p.asked) == 0 && !f.closed {
		f.askOverdue(p, now)
	}
	before := p.state
	if p.state = StateIdle; len(p.asked) > 0 {
		p.state = StateActive
	}
	if idle && len(p.asked) > 0 {
		p.k.alive()
	}
	if p.state != before || (len(f.ready) < lookAhead/2 && len(f.fresh) > 0) {
		f.poke()
	}
	return nil
}

// nextReady takes the next item that this source can be asked for.
func (f *fetch) nextReady(p *peer) *item {
	for i, it := range f.ready {
		if i == pipeline {
			return nil
		}
		if p.lacks[it] || !f.reach(p, it) {
			continue
		}
		if i == 0 {
			f.ready = f.ready[1:]
		} else {
			f.ready = append(f.ready[:i], f.ready[i+1:]...)
		}
		return it
	}
	return nil
}

// reach makes sure that an item may be asked for on this stream: that the
// folders above it were named there. It is false when it may not be, yet: a
// source with a part of the root may not have the folder.
func (f *fetch) reach(p *peer, it *item) bool {
	up := it.parent
	if up == nil || p.opened[up] == granted {
		return true
	}
	if p.lacks[up] || len(p.asked) >= pipeline || !f.reach(p, up) {
		return false
	}
	if p.opened[up] == unasked {
		p.opened[up] = underway
		f.ask(p, &asking{folder: up, q: question{cid: up.cid, to: wholeRange, levels: allLevels, nodes: true}})
	}
	if !p.part {
		p.opened[up] = granted // it has all, so it need not be waited for
	}
	return p.opened[up] == granted
}

// ask sends a question.
func (f *fetch) ask(p *peer, a *asking) {
	a.number = p.k.ask(a.q)
	p.asked = append(p.asked, a)
}

// askItem asks for the block of a small file, or for all nodes.
func (f *fetch) askItem(p *peer, it *item, now time.Time) {
	q := question{cid: it.cid, from: it.from, to: wholeRange, levels: it.levels, nodes: !isRaw(it.cid)}
	it.askers++
	it.since = now
	f.asked[it] = true
	if q.nodes && it.levels == 0 && !p.part {
		p.opened[it] = granted
	}
	f.ask(p, &asking{it: it, q: q})
}

// askOverdue asks for what another source was asked for long ago.
func (f *fetch) askOverdue(p *peer, now time.Time) {
	for it := range f.asked {
		if len(p.asked) >= mostOverdue {
			return
		}
		if it.askers > mostAskers || now.Sub(it.since) < overdue<<(it.askers-1) || p.lacks[it] {
			continue
		}
		if !slices.ContainsFunc(p.asked, func(a *asking) bool { return a.it == it }) && f.reach(p, it) {
			f.askItem(p, it, now)
		}
	}
}

// ahead is how many bytes of large files were asked for and have not come.
func (p *peer) ahead() (bytes uint64) {
	for _, a := range p.asked {
		if a.fp != nil && !a.q.have {
			bytes += a.q.to - a.q.from
		}
	}
	return bytes
}

// askLeaves asks for as much of a file as its plan wants.
func (f *fetch) askLeaves(p *peer, fp *filePart, now time.Time) error {
	if fp.finishing || !f.join(p, fp, now) {
		return nil
	}
	for len(p.asked) < pipeline {
		req, ok := fp.plan.Next(p.key, now)
		if !ok {
			return nil
		}
		a := &asking{fp: fp, id: req.ID, from: req.From, end: req.To, to: req.To, told: req.From, here: map[uint64]uint64{}}
		var err error
		if a.q.from, err = fp.part.table.begin(req.From); err != nil {
			return err
		}
		if a.q.to, err = fp.part.table.begin(req.To); err != nil {
			return err
		}
		a.q.cid, a.q.levels = fp.it.cid, allLevels
		f.ask(p, a)
		if err := f.trim(fp); err != nil {
			return err
		}
	}
	return nil
}

// join makes a source part of a file's plan; false when it is not yet.
func (f *fetch) join(p *peer, fp *filePart, now time.Time) bool {
	last, known := p.maps[fp]
	if p.lacks[fp.it] || !f.reach(p, fp.it) {
		return false
	}
	if !p.part {
		if !known {
			p.maps[fp] = now
			fp.plan.Join(p.key, nil, now)
		}
		return true
	}
	if !known || (len(p.asked) == 0 && now.Sub(last) >= mapEvery) {
		p.maps[fp] = now
		f.ask(p, &asking{fp: fp, q: question{cid: fp.it.cid, have: true}})
	}
	return true // until its map comes the plan does not know it
}

// trim tells sources what others have taken over from them.
func (f *fetch) trim(fp *filePart) error {
	for _, p := range f.peers {
		for _, t := range fp.plan.Trims(p.key) {
			for _, a := range p.asked {
				if a.fp != fp || a.id != t.ID || a.q.have || t.To >= a.to {
					continue
				}
				a.to = t.To
				at, err := fp.part.table.begin(t.To)
				if err != nil {
					return err
				}
				a.q.to = at
				p.k.trim(a.number, at)
			}
		}
	}
	return nil
}

// arrived notes that a leaf of the answer is here and tells the plan, which
// expects them in order; the lock is held.
func (a *asking) arrived(p *peer, leaf, size uint64) {
	a.here[leaf] = size
	a.report(p, a.torn)
}

// report tells the plan what is here; all of it when the answer has ended.
func (a *asking) report(p *peer, all bool) {
	now := time.Now()
	for {
		size, ok := a.here[a.told]
		if !ok {
			break
		}
		delete(a.here, a.told)
		a.fp.plan.Got(p.key, a.told, size, now)
		a.told++
	}
	if all {
		for leaf, size := range a.here {
			a.fp.plan.Got(p.key, leaf, size, now)
		}
		clear(a.here)
	}
}
