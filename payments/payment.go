package payments

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// Ref is the idempotency key of a payment: "job/shard/attempt". The same Ref
// never charges twice, on either side.
type Ref string

// MaxRef is the longest Ref in bytes.
const MaxRef = 128

// NewRef returns the ref of one attempt at one shard; job is the job's id in
// hex.
func NewRef(job string, shard, attempt uint32) Ref {
	return Ref(fmt.Sprintf("%s/%d/%d", job, shard, attempt))
}

// Validate returns ErrSyntax unless r is 1 to MaxRef letters, digits and
// characters of "._:/+@=,-": what signed documents carry as a plain word.
func (r Ref) Validate() error {
	if r == "" || len(r) > MaxRef {
		return fmt.Errorf("ref of %d bytes: %w", len(r), ErrSyntax)
	}
	for _, c := range []byte(r) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("._:/+@=,-", c) < 0 {
			return fmt.Errorf("ref %.40q: %w", string(r), ErrSyntax)
		}
	}
	return nil
}

// The classes of refs that are no payment for work but a rail's own business
// with the money. They share the journal with payments and are told apart by
// how they begin, which no job's ref does.
const (
	ClassSettle = "settle/" // makes noted debts good
	ClassHold   = "hold/"   // locks money for one payment
	ClassChain  = "chain/"  // an operation on a chain
)

// Class returns the class constant that r begins with, or nothing for the
// payment of work.
func (r Ref) Class() string {
	for _, c := range []string{ClassSettle, ClassHold, ClassChain} {
		if strings.HasPrefix(string(r), c) {
			return c
		}
	}
	return ""
}

// MaxMemo is the longest memo in bytes.
const MaxMemo = 1024

// Payment is one amount for one ref, to Peer when paid and from Peer when
// expected.
type Payment struct {
	Ref    Ref
	Peer   identity.PubKey
	Amount Amount
	Memo   string // the reason of the charge, for people; stays on this node
	// Work is how long the work may last that is paid for: what is locked for it
	// must stay locked for that long. Zero says nothing. It stays on this node.
	Work time.Duration
}

// Validate returns an error for a payment that no rail would carry; unit is
// the rail's own.
func (p Payment) Validate(unit Unit) error {
	if err := p.check(unit); err != nil {
		return err
	}
	return p.checkPeer()
}

// check is Validate of all but the peer.
func (p Payment) check(unit Unit) error {
	if err := p.Ref.Validate(); err != nil {
		return err
	}
	if err := p.Amount.Validate(); err != nil {
		return err
	}
	switch {
	case p.Amount.Unit != unit:
		return fmt.Errorf("%s on a rail of %s: %w", p.Amount, unit, ErrUnit)
	case p.Amount.IsZero():
		return ErrZero
	case len(p.Memo) > MaxMemo:
		return fmt.Errorf("memo of %d bytes: %w", len(p.Memo), ErrSyntax)
	}
	return nil
}

// checkPeer is the dear part of Validate: an entry with a key that cannot be
// read back would spoil the journal.
func (p Payment) checkPeer() error {
	if _, err := identity.ParsePubKey(p.Peer.Hex()); err != nil {
		return fmt.Errorf("peer: %w: %w", ErrSyntax, err)
	}
	return nil
}

// peers are keys that were found to be good: to look at one takes as long as all
// else about an entry.
type peers struct {
	mu   sync.Mutex
	good map[identity.PubKey]bool
}

// maxPeers bounds peers; beyond it they are forgotten and looked at again.
const maxPeers = 4096

// check is checkPeer, once for each peer.
func (k *peers) check(p Payment) error {
	k.mu.Lock()
	good := k.good[p.Peer]
	k.mu.Unlock()
	if good {
		return nil
	}
	if err := p.checkPeer(); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.good == nil || len(k.good) >= maxPeers {
		k.good = map[identity.PubKey]bool{}
	}
	k.good[p.Peer] = true
	return nil
}

// Proof shows that a payment was made, to anyone.
type Proof struct {
	Ref  Ref    `json:"ref"`
	Rail string `json:"rail"`
	Doc  []byte `json:"doc"` // the rail's own evidence; on credit a countersigned note as JSON
}
