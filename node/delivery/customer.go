package delivery

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// maxCustomers bounds the served peers that are known in memory at a time.
const maxCustomers = 4096

// customer is a peer that this node serves, in memory.
type customer struct {
	peer  identity.PubKey
	pace  *pace
	known chan struct{} // closed when rec was read
	err   error         // of reading

	settling sync.Mutex // held while one of its documents is dealt with
	saving   sync.Mutex // held from the copying of rec until it is stored

	mu      sync.Mutex
	rec     given
	slack   [2]uint64 // what may be claimed above a meter, once: free, priced
	stored  bool      // rec is in the store
	dirty   bool      // rec is ahead of it
	saved   uint64    // of Priced.Served, in the store
	roots   []string  // served lately, for the memo
	streams int
	stuck   bool          // a stream waited for a payment in vain, and none came since
	wake    chan struct{} // closed when something was paid

	users int // who holds it now; guarded by the service's mutex
}

// hold returns the peer's customer, read from the store. It must be given back
// with release: who nobody holds may be forgotten, and a second customer of the
// same peer beside a forgotten one would be a second meter.
func (s *Service) hold(peer identity.PubKey) (*customer, error) {
	s.mu.Lock()
	c, ok := s.customers[peer]
	if !ok {
		if len(s.customers) >= maxCustomers {
			s.forgetCustomers()
		}
		if len(s.customers) >= maxCustomers {
			s.mu.Unlock()
			return nil, ErrBusy
		}
		c = &customer{peer: peer, pace: newPace(s.cfg.PeerRate), known: make(chan struct{}), wake: make(chan struct{})}
		s.customers[peer] = c
	}
	c.users++
	s.mu.Unlock()
	if !ok {
		c.err = s.loadCustomer(c)
		close(c.known)
	}
	<-c.known
	if c.err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		c.users--
		if s.customers[peer] == c { // the next to ask tries again
			delete(s.customers, peer)
		}
		return nil, fmt.Errorf("meter of %s: %w", peer.Short(), c.err)
	}
	return c, nil
}

func (s *Service) release(c *customer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.users--
}

// forgetCustomers drops those that nobody holds and that are written down. The
// service's mutex is held.
func (s *Service) forgetCustomers() {
	for peer, c := range s.customers {
		c.mu.Lock()
		idle := c.users == 0 && !c.dirty
		c.mu.Unlock()
		if idle {
			delete(s.customers, peer)
		}
	}
}

func (s *Service) loadCustomer(c *customer) error {
	known, err := get(s.d.Store, servedKey(c.peer), &c.rec)
	if err != nil {
		return err
	}
	now := s.d.Now().Unix()
	if c.stored = known; !known {
		c.rec = given{Eased: now, Used: now, Run: s.run}
		return nil
	}
	c.saved = c.rec.Priced.Served
	if c.rec.Run != s.run {
		// Another run wrote it: what it served at its end may not be in it.
		c.slack = [2]uint64{s.cfg.FreeAt + s.cfg.Window, s.cfg.Window}
		c.rec.Run = s.run
	}
	return nil
}

// commit changes what is known of a customer and stores it, with what write
// adds, before anybody sees the change. Bytes may be served meanwhile, so the
// change is made again to what is current.
func (s *Service) commit(c *customer, change func(*given), write func(store.Txn) error) error {
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.Lock()
	rec := c.copied()
	c.mu.Unlock()
	change(&rec)
	err := s.d.Store.Update(func(tx store.Txn) error {
		if err := set(tx, servedKey(c.peer), rec); err != nil {
			return err
		}
		return write(tx)
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.rec)
	s.isStored(c)
	return nil
}

// copied is rec with a list of accounts of its own. The mutex is held.
func (c *customer) copied() given {
	rec := c.rec
	rec.Accounts = append([]account(nil), rec.Accounts...)
	return rec
}

// isStored counts a customer that came into the store. Its mutex is held.
func (s *Service) isStored(c *customer) {
	if !c.stored {
		c.stored = true
		s.stored.Add(1)
	}
}

// woken is closed when something was paid.
func (c *customer) woken() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wake
}

// rouse lets streams look again whether there is room. The mutex is held.
func (c *customer) rouse() {
	c.stuck = false
	close(c.wake)
	c.wake = make(chan struct{})
}

// seePaid finds out which of the deliveries that are owed were paid. What it
// sees is written down with the meters; seen again after a crash it is the same.
func (s *Service) seePaid(ctx context.Context, c *customer) {
	c.mu.Lock()
	var open []account
	for _, a := range c.rec.Accounts {
		if a.Owed > 0 {
			open = append(open, a)
		}
	}
	c.mu.Unlock()
	for _, a := range open {
		e, err := s.d.Rail.Status(ctx, c.peer, s.ref(c.peer, a.ID, a.Next-1))
		if err == nil && e.Direction == payments.In {
			c.mu.Lock()
			c.saw(a, e.State, s.cfg.Window)
			c.mu.Unlock()
		}
	}
}

// saw enters what the rail says of the last delivery of an account, unless that
// was done already. The mutex is held.
func (c *customer) saw(was account, state payments.State, window uint64) {
	i := slices.IndexFunc(c.rec.Accounts, func(a account) bool { return a.ID == was.ID && a.Next == was.Next && a.Owed > 0 })
	if i < 0 {
		return
	}
	a := &c.rec.Accounts[i]
	if a.GivenUp = state == payments.StateReleased; a.GivenUp || state != payments.StateCaptured {
		return
	}
	c.rec.Earned += a.Owed
	c.rec.paid(a.OwedBytes, window)
	a.Owed, a.OwedBytes = 0, 0
	c.dirty = true
	c.rouse()
}
