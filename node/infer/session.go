package infer

import (
	"container/list"
	"sync"

	"infernet.tech/infernet/p2p/identity"
)

// sessions remember which provider holds the cache of a conversation's prompt;
// the longest unused are forgotten.
type sessions struct {
	mu    sync.Mutex
	max   int
	order *list.List // of session, the newest first
	at    map[string]*list.Element
}

type session struct {
	key  string
	peer identity.PubKey
}

func newSessions(max int) *sessions {
	return &sessions{max: max, order: list.New(), at: map[string]*list.Element{}}
}

func (s *sessions) get(key string) (identity.PubKey, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.at[key]
	if e == nil || key == "" {
		return identity.PubKey{}, false
	}
	s.order.MoveToFront(e)
	return e.Value.(session).peer, true
}

// set notes who answered last: that one holds the longest part of the
// conversation in its cache.
func (s *sessions) set(key string, p identity.PubKey) {
	if key == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.at[key]; e != nil {
		e.Value = session{key, p}
		s.order.MoveToFront(e)
		return
	}
	s.at[key] = s.order.PushFront(session{key, p})
	if s.order.Len() > s.max {
		last := s.order.Back()
		delete(s.at, last.Value.(session).key)
		s.order.Remove(last)
	}
}
