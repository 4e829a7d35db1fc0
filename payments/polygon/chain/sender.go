package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/store"
)

// Sender sends the Ops of one account, which nothing else may use, one nonce
// after the other. It is safe for use by many goroutines.
type Sender struct {
	ledger
	cfg    SenderConfig
	c      *Client
	signer Signer
	addr   common.Address
	budget Budget
	log    *slog.Logger
	wake   chan struct{}

	// stepping is held by Step; memory belongs to it and is not needed after a
	// restart.
	stepping sync.Mutex
	memory   memory

	mu      sync.Mutex
	waiting map[string]string // by ref
	changed chan struct{}     // closed and made anew at each change
}

// memory is when things were last done or first seen, by ref or nonce.
type memory struct {
	sent, missing, refused map[string]time.Time
	gap                    map[uint64]time.Time
	lowest                 string
	// next is the chain's nonce, and since when.
	next      uint64
	nextSince time.Time
}

// NewSender journals in s. Without a budget there is ErrConfig: nothing is
// spent without a ceiling. clock and log may be nil.
func NewSender(cfg SenderConfig, c *Client, signer Signer, s store.Store, budget Budget, clock func() time.Time, log *slog.Logger) (*Sender, error) {
	if c == nil || signer == nil || s == nil || budget == nil {
		return nil, fmt.Errorf("%w: a sender needs a chain, a signer, a store and a budget", ErrConfig)
	}
	if err := cfg.Validate(c.Profile()); err != nil {
		return nil, err
	}
	if clock == nil {
		clock = time.Now
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	addr := signer.Address()
	return &Sender{
		ledger: newLedger(s, c.Profile().ChainID, addr, clock),
		cfg:    cfg.withDefaults(c.Profile()), c: c, signer: signer, addr: addr, budget: budget, log: log,
		wake: make(chan struct{}, 1),
		memory: memory{
			sent: map[string]time.Time{}, missing: map[string]time.Time{}, refused: map[string]time.Time{}, gap: map[uint64]time.Time{},
		},
		waiting: map[string]string{}, changed: make(chan struct{}),
	}, nil
}

// Address is the account that sends.
func (s *Sender) Address() common.Address { return s.addr }

// Put journals op in the caller's transaction, so that the caller's own state
// and the Op are there together; Run sends it. The same op under the same ref
// again changes nothing, whatever became of it; another is ErrOtherOp.
func (s *Sender) Put(tx store.Txn, op Op) error {
	if err := op.Validate(); err != nil {
		return err
	}
	if isFiller(op.Ref) || op.Gas > s.cfg.MaxGas {
		return fmt.Errorf("%w: %s: a ref of the sender's own, or gas over %d", ErrOp, op.Ref, s.cfg.MaxGas)
	}
	return s.add(tx, op)
}

// Send is Put in a transaction of its own, followed by Wake.
func (s *Sender) Send(_ context.Context, op Op) error {
	if err := s.s.Update(func(tx store.Txn) error { return s.Put(tx, op) }); err != nil {
		return err
	}
	s.Wake()
	return nil
}

// Wake has Run look at once.
func (s *Sender) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Status returns what is known of ref, or ErrNoOp.
func (s *Sender) Status(ref string) (out Sent, err error) {
	err = s.s.View(func(r store.Reader) error { out, err = s.get(r, ref); return err })
	return s.withWaiting(out), err
}

// Open lists the Ops that are not done, by ref.
func (s *Sender) Open() ([]Sent, error) {
	out, err := s.open()
	for i := range out {
		out[i] = s.withWaiting(out[i])
	}
	return out, err
}

// List lists the Ops whose ref begins with prefix, by ref.
func (s *Sender) List(prefix string) (out []Sent, err error) {
	err = s.s.View(func(r store.Reader) error {
		out = nil
		return s.each(r, prefix, func(x Sent) error { out = append(out, s.withWaiting(x)); return nil })
	})
	return out, err
}

// Cancel gives up an Op that has no nonce yet: it is Failed. Else ErrUnderway.
func (s *Sender) Cancel(ref, why string) error {
	return s.change(ref, func(_ store.Txn, x *Sent) error {
		if x.State != Queued {
			return fmt.Errorf("%w: %s is %s", ErrUnderway, ref, x.State)
		}
		x.State, x.Reason = Failed, why
		return nil
	})
}

// Wait returns when ref is done, with its state (Failed is no error), or when
// ctx is.
func (s *Sender) Wait(ctx context.Context, ref string) (Sent, error) {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		x, err := s.Status(ref)
		if err != nil || x.State.Done() {
			return x, err
		}
		select {
		case <-ctx.Done():
			return x, ctx.Err()
		case <-changed:
		}
	}
}

// Run steps every Profile.Poll and when woken, until ctx is done.
func (s *Sender) Run(ctx context.Context) error {
	tick := time.NewTicker(s.c.Profile().Poll)
	defer tick.Stop()
	told := ""
	for {
		err := s.Step(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if now := kindOf(err); err != nil && now != told {
			s.log.Warn("transactions wait", "from", s.addr, "err", err)
		}
		told = kindOf(err)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.wake:
		}
	}
}

// change changes the Sent of ref in a transaction and tells who waits.
func (s *Sender) change(ref string, fn func(store.Txn, *Sent) error) error {
	var before, after Sent
	err := s.s.Update(func(tx store.Txn) error {
		x, err := s.get(tx, ref)
		if err != nil {
			return err
		}
		before = x
		if err := fn(tx, &x); err != nil {
			return err
		}
		after = x
		return s.put(tx, x)
	})
	if err != nil {
		return err
	}
	if before.State != after.State {
		s.log.Info("transaction", "ref", ref, "from", string(before.State), "to", string(after.State), "hash", after.Hash, "reason", after.Reason)
	}
	s.tell()
	return nil
}

func (s *Sender) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// wait notes what ref waits for; nothing when why is nil.
func (s *Sender) wait(ref string, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if why == nil {
		delete(s.waiting, ref)
		return
	}
	if s.waiting[ref] == "" && !errors.Is(why, context.Canceled) {
		s.log.Info("transaction waits", "ref", ref, "for", why)
	}
	s.waiting[ref] = why.Error()
}

func (s *Sender) withWaiting(x Sent) Sent {
	if x.State.Done() {
		return x
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x.Waiting = s.waiting[x.Op.Ref]
	return x
}
