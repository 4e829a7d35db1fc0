package blob

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

const (
	// mostStreams is how many sources a fetch uses at once.
	mostStreams = 16
	// mostPeers is how many sources a fetch remembers, and how many may wait.
	mostPeers = 512
	// hedge is how long one source has the fetch to itself, unless there is
	// much to fetch.
	hedge = 250 * time.Millisecond
	// muchBytes and muchItems are much.
	muchBytes = 8 << 20
	muchItems = 64
	// again is after how long a source that was cut off may be found again.
	again = 5 * time.Second
)

// peer is one source of a fetch. Its goroutine owns the stream; what the
// coordinator and the other peers touch is guarded by the fetch's mutex.
type peer struct {
	f    *fetch
	src  Source
	key  string // in the plans; names may be given twice
	wake chan struct{}
	done chan struct{}
	// cancel breaks the stream off.
	cancel func()

	// Of its goroutine, and of those who hold the mutex while it runs.
	k      *conn
	part   bool             // it has the root only in part
	asked  []*asking        // in the order of the answers
	lacks  map[*item]bool   // it said that it does not have them
	opened map[*item]answer // folders whose entries may be asked of it
	maps   map[*filePart]time.Time

	state   string
	ended   time.Time
	err     error // why it failed, when others noticed
	begun   time.Time
	gave    bool // nodes or bytes that were right
	bytes   uint64
	speed   speedometer
	pending int // blocks that came from it and are not verified
	drained chan struct{}
}

// answer is how far a question is.
type answer int

const (
	unasked answer = iota
	underway
	granted
)

// add makes a source known.
func (f *fetch) add(src Source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.keys++
	f.queue = append(f.queue, &peer{f: f, src: src, key: strconv.Itoa(f.keys),
		wake: make(chan struct{}, 1), done: make(chan struct{}), state: StateIdle,
		lacks: map[*item]bool{}, opened: map[*item]answer{}, maps: map[*filePart]time.Time{}})
	f.poke()
}

// addNew is add for a source that was discovered: nothing if its name is
// known, unless it was cut off some time ago and may be back.
func (f *fetch) addNew(src Source) {
	f.mu.Lock()
	known := slices.ContainsFunc(f.queue, func(p *peer) bool { return p.src.Name == src.Name })
	for i, p := range f.peers {
		if p.src.Name != src.Name {
			continue
		}
		cutOff := errors.Is(p.err, ErrCut) || errors.Is(p.err, ErrStalled)
		if known = p.state != StateFailed || !cutOff || time.Since(p.ended) < again; !known {
			f.peers = slices.Delete(f.peers, i, i+1)
		}
		break
	}
	if known = known || len(f.queue) >= mostPeers; !known && len(f.peers) >= mostPeers {
		// Who failed may be found again; who lied must stay known.
		i := slices.IndexFunc(f.peers, func(p *peer) bool { return p.state == StateFailed })
		if known = i < 0; !known {
			f.peers = slices.Delete(f.peers, i, i+1)
		}
	}
	f.mu.Unlock()
	if !known {
		f.add(src)
	}
}

// discover lets the caller find more sources while the fetch runs.
func (f *fetch) discover(ctx context.Context) {
	if f.lim.Discover == nil {
		return
	}
	f.discovering = true
	f.work.Go(func() {
		f.lim.Discover(ctx, f.addNew)
		f.mu.Lock()
		f.discovering = false
		f.mu.Unlock()
		f.poke()
	})
}

// startSources begins with as many sources as there is work for: the next one
// at once when there is much to do or nobody at it, and otherwise after a
// while.
func (f *fetch) startSources(ctx context.Context, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.queue) > 0 {
		alive := 0
		for _, p := range f.peers {
			if p.state == StateActive || p.state == StateIdle {
				alive++
			}
		}
		much := f.total-min(f.bytes, f.total) >= muchBytes || len(f.ready) >= muchItems
		if alive > 0 && (alive >= mostStreams || f.s.crowded() || (!much && now.Sub(f.started) < hedge)) {
			return
		}
		p := f.queue[0]
		f.queue = f.queue[1:]
		f.peers = append(f.peers, p)
		f.started = now
		p.state, p.begun = StateActive, now
		f.s.addStream(1)
		ctx, cancel := context.WithCancel(ctx)
		p.cancel = cancel
		go p.run(ctx)
	}
}

const (
	// turnAfter is how long a source may be slow when others wait for a place,
	// slowSource what is slow, in bytes a second.
	turnAfter  = 10 * time.Second
	slowSource = 64 << 10
)

// takeTurns ends sources that are slow when others wait and all places are
// taken: a crowd that holds out a trickle would keep them waiting for ever. Half
// of them at most go at a time; they may come back.
func (f *fetch) takeTurns(now time.Time) {
	var slow []*peer
	f.mu.Lock()
	alive := 0
	for _, p := range f.peers {
		if p.state != StateActive && p.state != StateIdle {
			continue
		}
		alive++
		if p.k != nil && p.err == nil && p.speed.last < slowSource && now.Sub(p.begun) > turnAfter {
			slow = append(slow, p)
		}
	}
	most := min(len(f.queue), mostStreams/2)
	f.mu.Unlock()
	if alive < mostStreams {
		return
	}
	for _, p := range slow[:min(len(slow), most)] {
		p.abort(fmt.Errorf("%w: less than %d bytes a second while others wait", ErrStalled, slowSource))
	}
}

// endPeers waits until all sources have ended: those of which nothing is due
// leave in order, the others are broken off.
func (f *fetch) endPeers() {
	f.mu.Lock()
	peers := slices.Clone(f.peers)
	for _, p := range peers {
		if p.state == StateActive {
			p.cancel()
		}
	}
	f.mu.Unlock()
	for _, p := range peers {
		<-p.done
	}
}

// wakePeers lets those who had nothing to do look again.
func (f *fetch) wakePeers() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.peers {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// run uses the source until the fetch is over or the source fails.
func (p *peer) run(ctx context.Context) {
	defer close(p.done)
	defer p.f.s.addStream(-1)
	defer p.cancel()
	err := p.dial(ctx)
	if err == nil {
		err = p.loop(ctx)
	}
	f := p.f
	f.mu.Lock()
	if p.err != nil {
		err = p.err
	}
	f.mu.Unlock()
	if p.k != nil {
		if err != nil || len(p.asked) > 0 {
			p.k.fail()
			err = p.k.failure(err)
		} else {
			p.k.end()
		}
	}
	p.drain()
	p.leave(err, ctx.Err() != nil)
}

func (p *peer) dial(ctx context.Context) error {
	s := p.f.s
	k, err := dial(ctx, p.src, p.f.root, s.cfg.IdleTimeout, s.window)
	if err != nil {
		return err
	}
	p.f.mu.Lock()
	p.k = k
	p.f.mu.Unlock()
	if p.part, err = readStatus(k.r); err == nil && p.part {
		_, err = readMap(k.r) // asked for anew when there is something to get
	}
	return err
}

// loop asks and takes in answers until the fetch is over.
func (p *peer) loop(ctx context.Context) error {
	for {
		if err := p.f.feed(p, time.Now()); err != nil {
			return err
		}
		if len(p.asked) == 0 {
			p.k.rest()
			select {
			case <-p.f.over:
				return nil
			case <-p.wake:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case <-p.f.over:
			return nil
		default:
		}
		a := p.asked[0]
		err := p.receive(ctx, a)
		if err != nil {
			return err
		}
		p.f.mu.Lock()
		p.asked = p.asked[1:]
		p.f.mu.Unlock()
		p.k.alive()
	}
}

// due tells that something may come from the source; the lock is held. A
// question what it has does not count: it may be asked for ever.
func (p *peer) due() bool {
	return p.state == StateActive && !(len(p.asked) == 1 && p.asked[0].q.have)
}

// abort makes the goroutine of a source that lies end, and says why.
func (p *peer) abort(err error) {
	p.f.mu.Lock()
	if p.err == nil {
		p.err = err
	}
	p.f.mu.Unlock()
	p.k.abort()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// drain waits until all that came from the source is verified and stored.
func (p *peer) drain() {
	f := p.f
	f.mu.Lock()
	ch := make(chan struct{})
	p.drained = ch
	if p.pending == 0 {
		close(ch)
		p.drained = nil
	}
	f.mu.Unlock()
	f.s.hasher.kick()
	<-ch
}

// leave gives what the source was asked for to the others and judges why it
// ended.
func (p *peer) leave(err error, cancelled bool) {
	f := p.f
	f.mu.Lock()
	if p.err != nil {
		err = p.err
	}
	p.release()
	p.state, p.ended = StateIdle, time.Now()
	liar := errors.Is(err, ErrBadBlock) || errors.Is(err, ErrProtocol)
	over := f.closed || cancelled
	switch {
	case liar:
		p.state = StateBanned
	case err != nil && !over:
		p.state = StateFailed
	}
	for _, fp := range f.parts {
		if liar {
			fp.plan.Ban(p.key)
		} else {
			fp.plan.Lost(p.key, p.ended)
		}
	}
	if p.err == nil {
		p.err = err
	}
	told := &SourceError{Source: p.src.Name, Err: err}
	fatal := err != nil && !over && !anotherMayHelp(err)
	if p.state != StateIdle {
		f.failed = append(f.failed, told)
	}
	if fatal && f.err == nil {
		f.err = told
	}
	state := p.state
	f.mu.Unlock()
	f.poke()
	f.wakePeers()
	if state != StateIdle && !fatal && f.lim.OnFailure != nil {
		f.told.Lock()
		defer f.told.Unlock()
		f.lim.OnFailure(p.src.Name, err)
	}
}

// release puts back what was asked for and has not come; the lock is held.
func (p *peer) release() {
	f := p.f
	for _, a := range p.asked {
		if a.fp != nil {
			a.report(p, true)
			continue
		}
		if a.it == nil {
			continue
		}
		if a.it.askers--; a.it.askers == 0 && f.asked[a.it] {
			delete(f.asked, a.it)
			f.ready = append(f.ready, a.it)
		}
	}
	p.asked = nil
}

// wrongAnswer says that an answer is not one to what was asked.
func wrongAnswer(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrProtocol, fmt.Sprintf(format, args...))
}
