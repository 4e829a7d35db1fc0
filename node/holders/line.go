package holders

import (
	"context"
	"sync"

	"infernet.tech/infernet/p2p/identity"
)

// mostQuestions is how many questions are under way to one peer. What is asked
// beyond goes together into the next.
const mostQuestions = 4

// lines holds what waits to be asked of each peer: many searches at once ask
// the same peers, who answer one question of many refs sooner than many of one
// and take only so many streams of one peer.
type lines struct {
	mu    sync.Mutex
	peers map[identity.PubKey]*line
}

type line struct {
	waiting []*pending
	flying  int
}

// pending is one ref that somebody waits to be answered.
type pending struct {
	asked asked
	out   chan outcome // capacity 1
	// The lines' mutex guards the rest.
	gone bool
	in   *together
}

type outcome struct {
	answer Answer
	err    error
}

// together is one question; it is given up when nobody waits any more.
type together struct {
	left   int
	cancel context.CancelFunc
}

// askOne asks one ref, in company where there is some.
func (s *Service) askOne(ctx context.Context, peer identity.PubKey, a asked) (Answer, error) {
	p := &pending{asked: a, out: make(chan outcome, 1)}
	if s.lines.join(peer, p) {
		go s.serveLine(peer)
	}
	select {
	case o := <-p.out:
		return o.answer, o.err
	case <-ctx.Done():
		s.lines.leave(p)
		return Answer{}, ctx.Err()
	}
}

// join puts a ref in line and tells whether somebody has to serve it.
func (l *lines) join(peer identity.PubKey, p *pending) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.peers == nil {
		l.peers = map[identity.PubKey]*line{}
	}
	at := l.peers[peer]
	if at == nil {
		at = &line{}
		l.peers[peer] = at
	}
	at.waiting = append(at.waiting, p)
	if at.flying == mostQuestions {
		return false
	}
	at.flying++
	return true
}

func (l *lines) leave(p *pending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.gone = true
	if p.in != nil {
		if p.in.left--; p.in.left == 0 {
			p.in.cancel()
		}
	}
}

// next takes from a line what goes into one question; nothing ends its service.
func (l *lines) next(peer identity.PubKey) (context.Context, []*pending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.peers[peer]
	var take []*pending
	for len(at.waiting) > 0 && len(take) < maxAsked {
		if p := at.waiting[0]; !p.gone {
			take = append(take, p)
		}
		at.waiting = at.waiting[1:]
	}
	if len(take) == 0 {
		if at.flying--; at.flying == 0 {
			delete(l.peers, peer)
		}
		return nil, nil
	}
	ctx, cancel := context.WithCancel(context.Background()) // those who wait end it
	q := &together{left: len(take), cancel: cancel}
	for _, p := range take {
		p.in = q
	}
	return ctx, take
}

// serveLine asks what waits, until nothing does.
func (s *Service) serveLine(peer identity.PubKey) {
	for {
		ctx, list := s.lines.next(peer)
		if len(list) == 0 {
			return
		}
		refs := make([]asked, len(list))
		for i, p := range list {
			refs[i] = p.asked
		}
		answers, err := s.ask(ctx, peer, refs)
		list[0].in.cancel()
		for i, p := range list {
			if err != nil {
				p.out <- outcome{err: err}
			} else {
				p.out <- outcome{answer: answers[i]}
			}
		}
	}
}
