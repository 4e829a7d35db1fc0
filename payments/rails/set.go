package rails

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// ErrTwice is returned for a second rail of a name or unit that is there.
var ErrTwice = errors.New("there is such a rail already")

// Rail is what a rail gives the node beyond payments.Rail.
type Rail interface {
	payments.Rail
	// RoomFor returns how much more work for peer may be accepted unpaid.
	RoomFor(ctx context.Context, peer identity.PubKey) (payments.Amount, error)
	// ServeStream answers the pay protocol's documents that are for this rail.
	ServeStream(ctx context.Context, peer identity.PubKey, conn io.ReadWriteCloser) error
	// Journal returns the rail's journal, to be listed.
	Journal() *payments.Journal
}

// Set is the rails of one node, the first of them its default. It is safe for
// use by many goroutines.
type Set struct {
	mu    sync.Mutex
	rails []Rail
	away  map[string]bool // rails whose money cannot be reached
	added chan struct{}   // closed, and made anew, when a rail joins
}

// New returns the set of those rails; ErrTwice when two are alike.
func New(all ...Rail) (*Set, error) {
	s := &Set{added: make(chan struct{}), away: map[string]bool{}}
	for _, r := range all {
		if err := s.Add(r); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Add has r join; Run, where it goes on, runs it too. It returns ErrTwice when
// its name or unit is taken.
func (s *Set) Add(r Rail) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, have := range s.rails {
		if have.Name() == r.Name() || have.Unit() == r.Unit() {
			return fmt.Errorf("%s in %s: %w", r.Name(), r.Unit(), ErrTwice)
		}
	}
	s.rails = append(s.rails, r)
	close(s.added)
	s.added = make(chan struct{})
	return nil
}

// All returns the rails in the order in which they joined, and a channel that
// is closed when another does.
func (s *Set) All() ([]Rail, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rails), s.added
}

// Names returns the rails' names, the default's first.
func (s *Set) Names() (names []string) {
	all, _ := s.All()
	for _, r := range all {
		names = append(names, r.Name())
	}
	return names
}

// Named returns the rail of that name.
func (s *Set) Named(name string) (Rail, bool) {
	all, _ := s.All()
	i := slices.IndexFunc(all, func(r Rail) bool { return r.Name() == name })
	if i < 0 {
		return nil, false
	}
	return all[i], true
}

// SetAway tells that the money behind the rail of that name cannot be reached,
// or can be again. Nothing new is agreed on such a rail; what was agreed before
// goes on, and waits where it must.
func (s *Set) SetAway(name string, away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away[name] = away
}

// Taking returns the rails on which something new may be agreed now.
func (s *Set) Taking() []Rail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.rails), func(r Rail) bool { return s.away[r.Name()] })
}

// Takes tells whether there is a rail of that name that carries that unit, and
// something new may be agreed on it now.
func (s *Set) Takes(name string, unit payments.Unit) bool {
	return slices.ContainsFunc(s.Taking(), func(r Rail) bool { return r.Name() == name && r.Unit() == unit })
}

// of returns the rail that carries unit.
func (s *Set) of(unit payments.Unit) (Rail, error) {
	all, _ := s.All()
	for _, r := range all {
		if r.Unit() == unit {
			return r, nil
		}
	}
	return nil, fmt.Errorf("no rail here carries %q: %w", string(unit), payments.ErrUnit)
}
