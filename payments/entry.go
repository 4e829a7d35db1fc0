package payments

import (
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// Direction says whether this node pays or is paid.
type Direction string

const (
	// Out: this node pays.
	Out Direction = "out"
	// In: this node is paid.
	In Direction = "in"
)

// Validate returns ErrSyntax for anything but Out and In.
func (d Direction) Validate() error {
	if d != Out && d != In {
		return fmt.Errorf("direction %.10q: %w", string(d), ErrSyntax)
	}
	return nil
}

// Entry is one payment as this node knows it. There is one for each rail,
// direction and ref.
type Entry struct {
	Rail      string          `json:"rail"`
	Direction Direction       `json:"direction"`
	Ref       Ref             `json:"ref"`
	Peer      identity.PubKey `json:"peer"`
	Amount    Amount          `json:"amount"`
	State     State           `json:"state"`
	Memo      string          `json:"memo,omitempty"`    // what the charge is for
	Reason    string          `json:"reason,omitempty"`  // why it is in this state
	Secured   string          `json:"secured,omitempty"` // what was locked for it, if anything
	Tries     uint32          `json:"tries"`             // promises begun under this ref
	Created   time.Time       `json:"created"`
	Updated   time.Time       `json:"updated"`
	Doc       []byte          `json:"doc,omitempty"`    // the promise, as signed
	Answer    []byte          `json:"answer,omitempty"` // the other side's answer, as signed
}

// Payment returns what the entry was made for.
func (e Entry) Payment() Payment {
	return Payment{Ref: e.Ref, Peer: e.Peer, Amount: e.Amount, Memo: e.Memo}
}

// Same returns ErrConflict unless p is the payment that e stands for. The memo
// does not matter.
func (e Entry) Same(p Payment) error {
	if e.Ref != p.Ref || e.Peer != p.Peer || e.Amount != p.Amount {
		return fmt.Errorf("%s is %s with %s: %w", e.Ref, e.Amount, e.Peer.Short(), ErrConflict)
	}
	return nil
}

// Filter selects entries; a zero field selects all.
type Filter struct {
	Direction Direction
	Peer      identity.PubKey
	State     State
	Open      bool   // only those whose state is open
	Prefix    string // only refs that begin so, such as "job/"
	Limit     int    // at most so many
}

func (f Filter) match(e Entry) bool {
	return (f.Direction == "" || e.Direction == f.Direction) &&
		(f.Peer.IsZero() || e.Peer == f.Peer) &&
		(f.State == "" || e.State == f.State) &&
		(!f.Open || e.State.Open())
}
